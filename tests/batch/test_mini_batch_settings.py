"""The settings of jobs over mini-batches: Azure's conditions, and what a configuration means."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from modelship.batch.mini_batch.mini_batch_settings import BatchSettings, size_of
from modelship.batch.mini_batch.parallel_run_configs import settings_of_parallel_run

USUAL = BatchSettings("score.py", "in", "out")


@pytest.mark.parametrize(
    ("given", "size"),
    [(7, 7), ("1024", 1024), ("1KB", 1024), ("10mb", 10 << 20), ("2Gb", 2 << 30)],
)
def test_a_size_is_a_number_or_has_a_unit(given, size):
    """Units are powers of 1024, in any case."""
    assert size_of(given) == size


@pytest.mark.parametrize("given", ["", "10 MB", "1TB", "-1", "MB", 1.5, True, "1KBKB"])
def test_other_sizes_are_refused(given):
    """The message shows what is accepted."""
    with pytest.raises(ValueError, match="it must be a whole number, or a text such as '1024'"):
        replace(USUAL, mini_batch_size=given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mini_batch_size": 5, "partition_keys": ["a"]}, "both say how to split the input"),
        ({"partition_keys": "abc"}, "partition_keys is 'abc'; it must be a list of texts"),
        ({"partition_keys": [1]}, "must be a list of texts"),
        ({"mini_batch_size": 0}, "mini_batch_size is 0"),
        ({"mini_batch_size": "1MB"}, "for files it is their number"),
        ({"error_threshold": -2}, "error_threshold is -2; it must be a whole number from -1 on"),
        ({"allowed_failed_count": 1.5}, "allowed_failed_count is 1.5"),
        ({"allowed_failed_percent": 101}, "allowed_failed_percent is 101; .* from 0 to 100"),
        ({"timeout_s": 0}, "timeout_s is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"logging_level": "loud"}, "logging_level is 'LOUD'; it must be WARNING or INFO or DEBUG"),
        ({"output_file_name": "a/b"}, "must be the name of a file"),
        ({"output_file_name": "a?"}, "must be the name of a file"),
        ({"arguments": ["model"]}, "The first argument is 'model'; it must be the name of"),
        ({"arguments": ["--x", "--output=1"]}, "--output is an argument of Azure's own"),
        ({"kind": "images"}, "kind is 'images'; it must be files or tables"),
    ],
)
def test_what_azure_refuses_is_refused(given, message):
    """With a ValueError, as in its SDKs."""
    with pytest.raises(ValueError, match=message):
        replace(USUAL, **given)


def test_settings_survive_json():
    """They reach the process of a job as a file; no value of a variable is shown."""
    made = replace(USUAL, arguments=["--a", "1"], variables={"TOKEN": "secret"}, kind="tables")
    assert BatchSettings(**json.loads(json.dumps(asdict(made)))) == made
    assert "secret" not in repr(made)
    assert (USUAL.size, made.size) == (10, 1 << 20)


def test_a_parallel_run_config_is_read():
    """With the defaults of ParallelRunStep: 60 s, 3 tries, one process."""
    config = {
        "entry_script": " score.py ",
        "source_directory": "src",
        "output_action": "Append_Row",
    }
    found = settings_of_parallel_run({"parallel_run_config": config}, input="in", output="out")
    assert found == BatchSettings(
        "src/score.py",
        *("in", "out"),
        output_file_name="parallel_run_step.txt",
        max_retries=2,
        timeout_s=60,
    )


def test_all_of_a_parallel_job_is_read():
    """The names of SDK v1 and of az ml; a null is what was left out."""
    config = {
        "entry_script": "score.py",
        "output_action": "summary_only",
        "mini_batch_size": "10KB",
        "partition_keys": None,
        "error_threshold": 5,
        "mini_batch_error_threshold": 2,
        "allowed_failed_percent": 12.5,
        "retry_settings": {"max_retries": 1, "timeout": 9},
        "node_count": 2,
        "process_count_per_node": 3,
        "environment_variables": {"A": "1"},
        "logging_level": "Debug",
    }
    found = settings_of_parallel_run(config, input="in", output="out", kind="tables")
    assert (found.append_row, found.size, found.workers) == (False, 10240, 6)
    assert (found.error_threshold, found.allowed_failed_count) == (5, 2)
    assert (found.allowed_failed_percent, found.max_retries, found.timeout_s) == (12.5, 1, 9)
    assert (found.variables, found.logging_level) == ({"A": "1"}, "DEBUG")


def test_retries_are_counted_as_each_names_them():
    """A try of ParallelRunStep is no retry; az ml allows a job without retries."""

    def retries(given):
        found = settings_of_parallel_run({"entry_script": "s.py", **given}, input="i", output="o")
        return found.max_retries

    assert retries({"run_max_try": 1}) == 0
    assert retries({"retry_settings": {"max_retries": 0}}) == 0
    assert retries({"retry_settings": {"max_retries": None}}) == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"output_action": "both"}, "must be append_row or summary_only"),
        ({"run_max_try": 0}, "run_max_try is 0"),
        ({"process_count_per_node": 0}, "process_count_per_node is 0"),
        ({"run_invocation_timeout": 0}, "run_invocation_timeout is 0"),
        ({"max_concurrency_per_instance": 0}, "max_concurrency_per_instance is 0"),
        ({"retry_settings": {"max_retries": -1}}, "retry_settings.max_retries is -1; .* from 0 on"),
        ({"retry_settings": {"timeout": 0}}, "retry_settings.timeout is 0"),
        ({"mini_batch_error_threshold": "x"}, "mini_batch_error_threshold is 'x'"),
        ({"append_row_file_name": "a/b", "output_action": "append_row"}, "append_row_file_name is"),
        ({"environment_variables": ["A"]}, "environment_variables is a list; it must be a mapping"),
        ({"entry_script": None}, "entry_script is None"),
    ],
)
def test_a_config_that_azure_refuses_is_refused(given, message):
    """The name is that of the configuration."""
    with pytest.raises(ValueError, match=message):
        settings_of_parallel_run({"entry_script": "s.py", **given}, input="i", output="o")
