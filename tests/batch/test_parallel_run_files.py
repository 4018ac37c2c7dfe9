"""The files of ParallelRunStep and of batch deployments, read as options of a job."""

import inspect
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import modelship as ms
from modelship.batch.mini_batch.parallel_run_configs import settings_of_parallel_run
from modelship.batch.parallel_run_files import read_parallel_run
from modelship.cli.batch_command import batch
from modelship.errors import InvalidOptionError
from modelship.targets.online_endpoint.az_yaml.batch_exporting import export_batch_endpoint

PAGE = Path(__file__).parents[2] / "docs/how-to/batch-on-azure.md"
SCRIPT = """
def init():
    pass

def run(raw_data):
    return []

def run_batch(mini_batch):
    return mini_batch
"""


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a document from a file."""

    def found(document, **given):
        (tmp_path / "run.yml").write_text(yaml.safe_dump(document))
        return read_parallel_run(tmp_path / "run.yml", **given)

    return found


def test_a_parallel_run_config_is_read(read):
    """With the defaults of ParallelRunStep: 60 s, and 3 tries in all."""
    config = {
        "entry_script": "score.py",
        "mini_batch_size": "10KB",
        "error_threshold": 5,
        "output_action": "append_row",
        "append_row_file_name": "rows.txt",
        "environment_variables": {"A": "1"},
    }
    found = read({"parallel_run_config": config})
    assert ms.BatchOptions(**found.options) == ms.BatchOptions(
        output_action="append_row", append_row_file_name="rows.txt", mini_batch_size=10240
    )
    assert found.job == {
        "error_threshold": 5, "mini_batch_error_threshold": -1, "allowed_failed_percent": 100,
        "retries": 2, "timeout_s": 60,
    }  # fmt: skip
    assert found.variables == {"A": "1"}


def test_the_parallel_job_of_a_pipeline_is_read(read):
    """What it has in its inputs is not known here: the arguments are given."""
    job = {
        "type": "parallel",
        "mini_batch_size": "5",
        "mini_batch_error_threshold": 1,
        "retry_settings": {"max_retries": 2, "timeout": 9},
        "task": {
            "type": "run_function",
            "entry_script": "score.py",
            "program_arguments": "--model ${{inputs.model}}",
            "append_row_to": "${{outputs.rows}}",
        },
    }
    pipeline = {"type": "pipeline", "jobs": {"prepare": {"type": "command"}, "score": job}}
    found = read(pipeline, items="files", arguments=("--model", "m"))
    assert (found.options["output_action"], found.options["mini_batch_size"]) == ("append_row", 5)
    assert found.options["arguments"] == ("--model", "m")
    assert (found.job["retries"], found.job["timeout_s"]) == (2, 9)
    assert found.job["mini_batch_error_threshold"] == 1
    with pytest.raises(InvalidOptionError, match="--argument"):
        read(pipeline, items="files")


def test_arguments_of_azures_own_program_are_settings(read):
    """Azure documents them among those of the script, which does not get them here."""
    text = "--model ${{ inputs.model }} --error_threshold 5 --allowed_failed_percent 12.5"
    of_azure = f"{text} --task_overhead_timeout 1200 --copy_logs_to_parent True"
    job = {"type": "parallel", "task": {"entry_script": "s.py", "program_arguments": of_azure}}
    with pytest.raises(InvalidOptionError, match=r"--argument") as raised:
        read(job, items="files")
    assert "error_threshold" not in str(raised.value)
    found = read(job, items="files", arguments=("--model", "m", "--error_threshold=-1"))
    assert found.options["arguments"] == ("--model", "m")
    assert (found.job["error_threshold"], found.job["allowed_failed_percent"]) == (-1, 12.5)


def test_what_modelship_exports_is_read(tmp_path):
    """The deployment of a batch endpoint comes back as the options that it was exported with."""
    (tmp_path / "score.py").write_text(SCRIPT)
    script = tmp_path / "score.py"
    bundle = ms.ScoringBundle([], entry_script=script, environment=["six==1.16.0"])
    given = {"mini_batch_size": 4, "error_threshold": 3, "max_retries": 1, "timeout": 7}
    export = export_batch_endpoint(
        ms.testing.offline_bundle(bundle), tmp_path / "out", name="exported",
        options={**given, "azure_packages": False}, variables={"A": "1"},
    )  # fmt: skip
    found = read_parallel_run(export.folder / "deployment.yml")
    assert (found.options["items"], found.options["mini_batch_size"]) == ("files", 4)
    assert found.options["append_row_file_name"] == "predictions.csv"
    assert (found.job["error_threshold"], found.job["retries"]) == (3, 1)
    assert (found.job["timeout_s"], found.variables) == (7, {"A": "1"})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"output_action": "both"}, "must be append_row or summary_only"),
        ({"allowed_failed_percent": 101}, "from 0 to 100"),
        ({"task": {"program_arguments": "--error_threshold many"}}, "invalid int value: 'many'"),
        ({"task": {"program_arguments": "--allowed_failed_percent nan"}}, "percent: 'nan' is not"),
        ({"task": {"program_arguments": "--allowed_failed_percent=inf"}}, "percent: 'inf' is not"),
        ({"retry_settings": [1]}, "valid settings: retry_settings is a list; .* a mapping.$"),
        ({"endpoint_name": "e", "settings": {"output_file_name": "a/b"}}, "output_file_name is"),
        ({"endpoint_name": "e", "environment_variables": ["A"]}, "environment_variables is a list"),
    ],
)
def test_what_cannot_be_kept_is_refused(read, given, message):
    """A setting is never ignored in silence."""
    with pytest.raises(InvalidOptionError, match=message):
        read({"entry_script": "score.py", **given})


def test_a_typed_setting_that_cannot_be_kept_is_not_blamed_on_the_file(read):
    """The option that has it is named."""
    with pytest.raises(InvalidOptionError, match=r"^arguments is .*percent: 'nan' is not a number"):
        read({"entry_script": "score.py"}, arguments=("--allowed_failed_percent", "nan"))


def table():
    """Return the rows of the table of settings in the documentation."""
    text = PAGE.read_text().partition("## Settings of ParallelRunStep")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \| (.*?) \| (.*?) \|", text, re.MULTILINE)
    return [(re.findall(r"`(\w+)`", first), second, third) for first, second, third in rows]


def test_the_table_of_settings_names_options_that_exist():
    """Each is an option of BatchOptions or BatchJob, and of the command line."""
    known = {*inspect.signature(ms.BatchOptions).parameters}
    known |= {*inspect.signature(ms.BatchJob).parameters}
    shown = CliRunner().invoke(batch, ["--help"]).output
    assert len(table()) > 10
    for _, python, typed in table():
        assert {*re.findall(r"`(\w+)`", python)} <= known
        assert all(each in shown for each in re.findall(r"`(--[\w-]+)", typed))


def test_the_table_has_all_settings_that_are_read():
    """Those of ParallelRunConfig, of parallel jobs and of batch deployments."""
    source = inspect.getsource(inspect.getmodule(settings_of_parallel_run))
    read_names = set(re.findall(r'"(\w+)"', source.partition("_NAMES")[2].partition("}")[0])[::2])
    assert read_names <= {name for names, *_ in table() for name in names}
