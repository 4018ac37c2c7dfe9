"""What the command line says is typed there: flags, and no options of Python."""

import ast
import inspect
import json
import re
from pathlib import Path

import click
import pytest

import modelship as ms
from modelship.cli.app import cli
from modelship.cli.wording import text_of, worded
from modelship.errors import ImageBuildError, NameTakenError

ROOT = Path(ms.__file__).parent
# Elsewhere it is no advice: the server's log, the offline workspace, what runs in services.
ADVISING = [
    path
    for path in sorted(ROOT.rglob("*.py"))
    if path.relative_to(ROOT).parts[0] not in {"server", "testing", "cli", "client"}
    and not path.name.endswith("_child.py")
]
CALLED = (
    ms.ScoringBundle,
    ms.ScoringBundle.check,
    ms.DeployTarget.deploy,
    ms.Deployment.update,
    ms.Deployment.rollback,
    ms.Serving,
    ms.Evaluator,
)
OPTIONS = {name for each in CALLED for name in inspect.signature(each).parameters}
PYTHON = re.compile(
    rf"(?<![\w.'-])(?<!--option )(?:{'|'.join(OPTIONS | {'base_image', 'image_shape'})})=(?!=)"
    r"|\bServing\(|\bdeployment\.\w|ScoringBundle\.save|in Python[.,;)]"
)


OF_OTHERS = {"--prefix", "--timestamps", "--platform", "--upgrade", "--traffic", "--all-traffic"}
OF_OTHERS |= {"--head"}  # of ray start
OF_OTHERS |= {"--endpoint-name"}  # of az ml


def sentences(path):
    """Yield what a module may say: its texts of several words, and no docstrings or code."""
    nodes = [*ast.walk(ast.parse(path.read_text()))]
    apart = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    apart |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        values = [part.value if isinstance(part, ast.Constant) else 0 for part in parts]
        text = "".join(map(str, values))
        if id(node) in apart or not any(isinstance(each, str) for each in values):
            continue
        if re.search(r"\w \w", text) and not re.search(r"^\w+\(|^import |^HEALTH|^<|\\", text):
            yield text


@pytest.fixture(scope="module")
def advice():
    """Return all texts of the modules whose advice the command line shows, as it shows them."""
    return sorted(
        {worded(text) for text in {each for path in ADVISING for each in sentences(path)}}
    )


def test_no_advice_that_the_command_line_shows_is_for_python(advice):
    """Each text is passed through the table of flags; what it leaves of Python is a slip."""
    assert [text for text in advice if PYTHON.search(text)] == []
    assert len(advice) > 500


def test_each_flag_that_an_advice_names_exists(advice):
    """A remedy is true: some command has the flag."""
    context = click.Context(cli)
    options = [
        option
        for name in cli.list_commands(context)
        for option in cli.get_command(context, name).params
    ]
    known = {flag for each in options for flag in (*each.opts, *each.secondary_opts)} | OF_OTHERS
    named = {flag for text in advice for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)}
    assert named - known == set()
    assert {"--trust-model", "--timeout", "--environment"} <= named


@pytest.mark.parametrize(
    ("python", "typed"),
    [
        ("pass trust_model=True (--trust-model).", "pass --trust-model."),
        ("Raise timeout_s=.", "Raise --timeout."),
        ("such as memory_gb=1.5.", "such as --memory-gb 1.5."),
        ("with server='azmlinfsrv', or", "with --server azmlinfsrv, or"),
        ("keys without Serving(auth=True).", "keys without --auth."),
        ("set server_options={'x': ...} instead", "set --server-option x=... instead"),
        ("Serving(secrets=...) or --secret sets it", "--secret sets it"),
        ("--variable A=... (Serving(variables=...)), or", "--variable A=..., or"),
        ("again with ScoringBundle.save() (modelship bundle).", "again with modelship bundle."),
        ("and pass it as entry_script.", "and pass it with --entry-script."),
        ("Serving(auth=False)", "--no-auth"),
        ("--option base_image=python:3.11 and os.environ.get('port=1')", None),
        ("Write python=3.11. See my_port=1 or x.port=2.", None),
    ],
)
def test_options_of_python_become_flags(python, typed):
    """What is typed already, and what is no option, stays."""
    assert worded(python) == (typed or python)


def test_an_error_keeps_its_evidence_as_it_was():
    """Only our own words are put otherwise; the parts stand as in Python."""
    error = ImageBuildError("x:1", "it failed", build_log="pip install --timeout timeout_s=3")
    assert text_of(error) == str(error)
    error = NameTakenError("digits", "process")
    assert text_of(error).endswith(
        "\n  -> Choose another name, delete that deployment, or pass --overwrite."
    )


def test_what_is_typed_wrong_is_said_like_every_error(modelship):
    """In one style, with what to type next; and as a document with --json."""
    done = modelship("deploy")
    assert done.stderr == (
        "error: Give the service a name with -n NAME.\n"
        "  -> modelship deploy --help shows what can be typed.\n"
    )
    assert (done.exit_code, done.stdout) == (2, "")
    error = json.loads(modelship("deploy", "--json", "--prot", 1).stdout)["error"]
    assert (error["exit_code"], "'--prot'" in error["message"]) == (2, True)
    assert modelship("--nonsense").stderr.startswith("error: No such option '--nonsense'")
    assert modelship().output.startswith("Usage: modelship")


def test_an_option_is_called_as_it_was_given(modelship, files, here):
    """By its flag if it was typed, and by its key if it stands in modelship.yaml."""
    model, flags = files / "model.pkl", ("-o", "made")
    assert "--cpu-cores is 0.0;" in modelship("bundle", model, "--cpu-cores", 0, *flags).stderr
    assert "--as is 'acl';" in modelship("check", files / "bundle", "--as", "acl").stderr
    assert "Write the request as JSON" in modelship("run", "digits", "--data", "1,").stderr
    (here / "modelship.yaml").write_text("sample_input: none.json\n")
    assert "error: sample_input is" in modelship("bundle", model, *flags).stderr
