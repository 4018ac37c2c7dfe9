"""The Tab key: commands, options, targets and services, quickly and without an error."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from modelship.cli.app import cli
from modelship.cli.completing import OUR_TARGETS
from modelship.targets import DeployTarget

HEAVY = {"numpy", "sklearn", "docker", "requests", "rich", "uv", "modelship.targets"}


def tab(*words):
    """Return what the Tab key offers after these words; the last is not typed to its end."""
    shell = ShellComplete(cli, {}, "modelship", "_MODELSHIP_COMPLETE")
    found = shell.get_completions([str(word) for word in words[:-1]], words[-1])
    return [each.value if each.type == "plain" else each.type for each in found]


@pytest.fixture
def deployed(here):
    """Write what this machine keeps of two services, and of one that has failed."""
    state = Path(os.environ["MODELSHIP_HOME"]) / "state"
    for kept in (
        "releases/process/digits-svc",
        "releases/docker/digits-box",
        "releases/" + "a" * 64,
    ):
        (state / kept / "bundle").mkdir(parents=True)
    (state / "failures" / "process").mkdir(parents=True)
    (state / "failures" / "process" / "broken.json").write_text("{}")
    return state


def test_commands_options_and_choices_are_completed():
    """As they begin."""
    assert tab("dep") == ["deploy"]
    assert tab("deploy", "--over") == ["--overwrite"]
    assert tab("deploy", "--check", "") == ["static", "trial", "off"]
    assert tab("deploy", "--server", "m") == ["modelship"]
    assert tab("deploy", "--as", "a") == ["aci", "aks"]
    assert tab("completion", "f") == ["fish"]


def test_targets_and_their_options_are_completed():
    """Those that are built in, and plug-ins; the options are those of the target."""
    assert {*OUR_TARGETS} <= {*tab("list", "-t", "")} <= {*DeployTarget.available(), "memory"}
    assert tab("deploy", "-t", "docker", "--option", "") == ["base_image="]
    assert "scoring_timeout_ms=" in tab("deploy", "--server-option", "scor")
    assert tab("parity", "b", "--on", "d") == ["docker"]


@pytest.mark.parametrize(
    "command", ["run", "logs", "delete", "update", "history", "doctor", "keys"]
)
def test_services_are_completed(deployed, command):
    """Those that this machine has deployed; of one target if that was typed before."""
    assert tab(command, "") == ["broken", "digits-box", "digits-svc"]
    assert tab(command, "-t", "docker", "di") == ["digits-box"]


def test_services_of_the_file_are_completed(deployed, here):
    """By what modelship.yaml calls them."""
    (here / "modelship.yaml").write_text("services: {staging: {target: docker}}\n")
    assert tab("apply", "") == ["staging"]
    assert tab("deploy", "-n", "s") == ["staging"]


def test_files_are_completed_by_the_shell():
    """Where a path is asked for."""
    assert (
        tab("bundle", "")
        == tab("evaluate", "--data", "")
        == tab("bundle", "--config", "")
        == ["file"]
    )


def test_completing_never_raises(here, monkeypatch):
    """A broken file, a state folder that is none, and a command that does not exist."""
    (here / "modelship.yaml").write_text("services: [\n")
    monkeypatch.setenv("MODELSHIP_HOME", "/dev/null")
    assert tab("run", "") == tab("apply", "") == []
    assert "deploy" in tab("delpoy", "")
    assert tab("deploy", "-t", "nowhere", "--option", "") == []


def test_completing_a_service_imports_nothing_heavy(deployed):
    """A shell asks at each Tab: no place is asked, and nothing that deploys is imported."""
    code = "import sys, modelship.cli as m; sys.argv = ['modelship']\ntry: m.main()\n"
    code += "finally: print(*sys.modules, file=sys.stderr)"
    words = {"COMP_WORDS": "modelship run digits", "COMP_CWORD": "2"}
    environment = {**os.environ, **words, "_MODELSHIP_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stdout.split() == ["plain,digits-box", "plain,digits-svc"]
    assert not HEAVY & set(done.stderr.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_switches_it_on_is_a_script_of_that_shell(modelship, shell):
    """It asks modelship by the variable that click reads."""
    done = modelship("completion", shell)
    assert (done.exit_code, f"_MODELSHIP_COMPLETE={shell}_complete" in done.stdout) == (0, True)
    if found := shutil.which(shell):
        assert subprocess.run([found, "-n"], input=done.stdout, text=True).returncode == 0


def test_the_shell_is_that_of_the_variable(modelship, monkeypatch):
    """Or it has to be named."""
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert "#compdef modelship" in modelship("completion").stdout
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert "Name the shell: bash, zsh, fish." in modelship("completion").stderr
