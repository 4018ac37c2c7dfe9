"""The command line as a program: what it imports, how it ends, what it says of errors."""

import json
import signal
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from modelship.cli.app import cli
from modelship.cli.closed_output import ending_with_reader
from modelship.cli.output import error_document
from modelship.errors import MissingExtraError

HEAVY = {"sklearn", "numpy", "joblib", "matplotlib", "requests", "docker", "rich", "yaml", "uv"}

IMPORTED = """
import sys
import modelship.cli
sys.argv = ["modelship", *{arguments!r}]
try:
    modelship.cli.main()
finally:
    print(*sorted(name for name in sys.modules if "." not in name), file=sys.stderr)
"""


INTERRUPTED = """
import sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "modelship.cli.app":
            raise KeyboardInterrupt
import modelship.cli
sys.meta_path.insert(0, Interrupt())
modelship.cli.main()
"""


def start(*arguments, **options):
    command = [sys.executable, "-m", "modelship.cli", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes | options)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["deploy", "--help"],
        *(pytest.param(each, marks=pytest.mark.long) for each in (["--help"], ["demo", "-h"])),
    ],
)
def test_help_imports_nothing_heavy(arguments):
    """Help is there at once, whatever is installed."""
    command = [sys.executable, "-c", IMPORTED.format(arguments=arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "click" in done.stderr.split()
    assert not HEAVY & set(done.stderr.split())


def test_help_imports_no_part_that_does_the_work():
    """The list of commands needs each command's name and one line, and nothing below them."""
    parts = ("bundle", "checks", "client.client", "evaluation", "runtime", "sources", "targets")
    script = (
        "import sys\nfrom modelship.cli.app import cli\n"
        "cli(['--help'], standalone_mode=False)\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not {f"modelship.{part}" for part in parts} & set(done.stderr.split())


@pytest.mark.parametrize("command", cli.list_commands(None))
def test_every_command_has_help_with_an_example(command):
    """Each command says what it does, has --json, and shows one way to type it."""
    done = CliRunner().invoke(cli, [command, "--help"])
    assert done.exit_code == 0
    assert "--json" in done.stdout
    assert f"Example: modelship {command}" in done.stdout


def test_help_lists_every_command():
    """The group's help has a line for each command."""
    helped = CliRunner().invoke(cli, ["--help"]).stdout
    assert all(f"\n  {name} " in helped for name in cli.list_commands(None))


def test_an_unknown_command_is_answered_with_the_nearest():
    """A typing error is easily mended."""
    done = CliRunner().invoke(cli, ["delpoy"])
    assert done.exit_code == 2
    assert "did you mean 'deploy'" in done.stderr


def test_the_program_exits_with_the_code_of_the_error(files):
    """A real process ends with the error's code, one document on stdout, and a text on stderr."""
    arguments = ("evaluate", "none.pkl", "--data", files / "test.npz", "--json")
    with start(*arguments) as process:
        out, err = process.communicate(timeout=60)
    error = json.loads(out)["error"]
    assert process.returncode == error["exit_code"] == 3
    assert error.keys() == {"type", "message", "evidence", "hint", "exit_code"}
    assert err.startswith("error: There is no model at 'none.pkl'.\n")
    assert "Traceback" not in err


def test_an_error_document_has_every_part_of_the_error():
    """Message and hint are apart, so that a program need not cut sentences."""
    document = error_document(MissingExtraError(purpose="The demo", extra="sklearn"))
    assert document["exit_code"] == 2
    assert document["hint"] == "pip install 'modelship-ml[sklearn]'"
    assert document["message"].startswith("The demo needs the extra")


def test_a_bug_is_called_a_bug(monkeypatch):
    """An exception that nobody planned shows its traceback and says whose fault it is."""

    @click.command("broken")
    def broken():
        raise ZeroDivisionError("a slip of ours")

    monkeypatch.setattr(type(cli), "get_command", lambda *_: broken)
    done = CliRunner().invoke(cli, ["broken"])
    assert done.exit_code == 1
    assert "ZeroDivisionError: a slip of ours" in done.stderr
    assert done.stderr.endswith("Please report it with the lines above.\n")


@pytest.mark.parametrize(("sent", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_without_a_traceback(files, sent, exit_code):
    """Ctrl-C and SIGTERM undo a deployment that waits, and end it with the shell's codes."""
    with start("deploy", files / "slow", "-n", "slow-svc", "-t", "memory") as process:
        while "Start the service: done" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(sent)
        _, err = process.communicate(timeout=30)
    assert process.returncode == exit_code
    assert "Traceback" not in err


@pytest.mark.parametrize("command", [["targets"], pytest.param(["--help"], marks=pytest.mark.long)])
def test_a_reader_that_goes_away_is_no_error(command):
    """`modelship ... | head` ends quietly, with the code of a program that SIGPIPE ends."""
    with start(*command) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (141, "")


def test_a_connection_that_breaks_is_not_a_reader_that_goes_away():
    """The outputs are still read: it is an error like any other."""
    with pytest.raises(BrokenPipeError), ending_with_reader():
        raise BrokenPipeError


def test_an_interrupt_while_the_command_is_read_has_its_exit_code(monkeypatch):
    """As later; click would call it aborted."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(click.Group, "parse_args", interrupt)
    done = CliRunner().invoke(cli, ["targets"])
    assert (done.exit_code, done.output) == (130, "")


def test_an_interrupt_while_the_program_starts_shows_no_traceback():
    """Imports take long enough for Ctrl-C."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")
