"""modelship azureml-offline: a workspace for code in other terminals, until Ctrl-C."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from click.testing import CliRunner

from light_inference_server import only_light_server
from modelship.cli import azureml_offline, main
from modelship.cli.app import cli
from reserved_ports import reserved

DEPLOY = """
from azureml.core import Environment, Model, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice

environment = Environment("small")
packages = {"dependencies": ["python=PYTHON", {"pip": ["azureml-inference-server-http"]}]}
environment.python.conda_dependencies = CondaDependencies(_underlying_structure=packages)
service = Model.deploy(
    Workspace.from_config(),
    "echo-svc",
    [],
    InferenceConfig(entry_script="score.py", environment=environment),
    AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=1),
)
service.wait_for_deployment()
print(service.scoring_uri)
""".replace("PYTHON", ".".join(map(str, sys.version_info[:2])))
FORKING = multiprocessing.get_context("fork")
ECHO = "def init(): pass\ndef run(raw_data): return raw_data.upper()"


@dataclass(frozen=True)
class Terminal:
    """A process in which the command runs, and what it says."""

    process: multiprocessing.Process
    stdout: TextIO
    stderr: TextIO

    def wait(self):
        """Return the exit code, once it has ended."""
        self.process.join(60)
        return self.process.exitcode


@contextmanager
def terminal(*arguments):
    """Type the command in a fork of this process, which has imported what it needs.

    A document, azure-offline.md, types it in a shell. It is ended if the test did not.
    """
    (stdout, out), (stderr, err) = os.pipe(), os.pipe()
    process = FORKING.Process(target=type_command, args=(arguments, out, err))
    process.start()
    os.close(out)
    os.close(err)
    with os.fdopen(stdout) as said, os.fdopen(stderr) as complained:
        try:
            yield Terminal(process, said, complained)
        finally:
            process.terminate()
            process.join()


def type_command(arguments, out, err):
    """Be the process of the command."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    sys.argv = ["modelship", "azureml-offline", *map(str, arguments)]
    main()


def read_document(process):
    """Read stdout until there is a whole JSON document."""
    text = ""
    while not text.endswith("\n}\n"):
        line = process.stdout.readline()
        assert line, text + process.stderr.read()
        text += line
    return json.loads(text)


def exported(path):
    """Return the variables that a file sets in a shell."""
    lines = (shlex.split(line)[1] for line in Path(path).read_text().splitlines())
    return dict(line.split("=", 1) for line in lines)


def end(terminal, sent=signal.SIGINT):
    """Send a signal, and return the exit code and the rest of stderr."""
    os.kill(terminal.process.pid, sent)
    return terminal.wait(), terminal.stderr.read()


def processes_in(folder):
    """Return the processes whose current folder is one below a folder."""
    found = psutil.process_iter(["cwd"])
    return [each for each in found if (each.info["cwd"] or "").startswith(f"{folder}/")]


@pytest.fixture(scope="module")
def sealed_workspace(tmp_path_factory):
    """Return the folder and the document of a sealed workspace that runs for several tests."""
    folder = tmp_path_factory.mktemp("sealed") / "workspace"
    with terminal("--folder", folder, "--sealed", "--json") as process:
        yield folder, read_document(process)


@pytest.fixture
def light(tmp_path_factory):
    """Let services have a server that starts at once."""
    with only_light_server(tmp_path_factory.mktemp("light")):
        yield


@pytest.fixture
def code(here):
    """Return a function that runs code in a folder of its own as the workspace's user would."""
    folder = here / "code"
    folder.mkdir()

    def run(text, document):
        shutil.copy(document["config"], folder / "config.json")
        own = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            [sys.executable, "-c", text],
            cwd=folder,
            env=own | exported(document["environment_file"]),
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run.folder = folder
    return run


def test_it_serves_code_in_another_terminal_until_ctrl_c(
    here, code, light, monkeypatch, shared_home
):
    """Ctrl-C ends the services too; in the same folder they come back, at the same address."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    (code.folder / "score.py").write_text(ECHO)
    folder = here / "workspace"
    with terminal("--folder", folder, "--sealed", "--json") as process:
        first = read_document(process)
        scoring_uri = code(DEPLOY, first).split()[-1]
        assert requests.post(scoring_uri, data="hello", timeout=30).json() == "HELLO"
        assert processes_in(folder)
        assert end(process) == (0, "stopping the workspace and its services\n")
    with ExitStack() as stack:  # no other process of this machine takes their ports meanwhile
        for each in (first["endpoint"], scoring_uri):
            stack.enter_context(reserved(urlsplit(each).port))
        assert processes_in(folder) == []
        with pytest.raises(requests.ConnectionError):
            requests.get(first["endpoint"], timeout=30)
        process = stack.enter_context(terminal("--folder", folder, "--json"))
        assert read_document(process) == first
        assert requests.post(scoring_uri, data="again", timeout=30).json() == "AGAIN"
        assert end(process, signal.SIGTERM)[0] == 143
    assert processes_in(folder) == []


def test_it_says_what_to_type(code):
    """The lines it prints can be pasted into a shell; nothing else is kept of a nameless folder."""
    with terminal() as process:
        said = [process.stdout.readline()]
        while "Ctrl-C" not in said[-1]:
            said.append(process.stdout.readline())
        to_type = [line for line in said if line.startswith(("cp ", ". "))]
        prove = 'test -s config.json && curl="$HTTPS_PROXY" && echo "$AZUREML_CURRENT_CLOUD $curl"'
        shell = subprocess.run(
            ["sh", "-euc", "".join([*to_type, prove])],
            cwd=code.folder,
            capture_output=True,
            text=True,
        )
        assert shell.stdout.startswith("AzureCloud http://modelship-offline:"), shell.stderr
        assert shell.stdout.split(":")[2].partition("@")[0] not in "".join(said)
        assert end(process)[0] == 0
    config = json.loads((code.folder / "config.json").read_text())
    assert not Path(config["offline"]).exists()


def asked_for_another_host(document):
    """Return the status with which the proxy of a workspace answers a request to another host."""
    proxies = {"http": exported(document["environment_file"])["HTTP_PROXY"]}
    with requests.Session() as session:
        session.trust_env = False
        return session.get("http://0.0.0.0:9/", proxies=proxies, timeout=60).status_code


def test_sealed_refuses_other_hosts(sealed_workspace):
    """Not even this machine's own ports are asked."""
    _, document = sealed_workspace
    assert asked_for_another_host(document) == 403


@pytest.mark.long
def test_without_sealed_other_hosts_are_asked():
    """A port of this machine on which nobody listens tells that it was asked."""
    with terminal("--json") as process:
        assert asked_for_another_host(read_document(process)) == 502


def test_a_folder_in_use_is_refused(sealed_workspace):
    """The second workspace in a folder says so, and exits as after any mistyped option."""
    folder, _ = sealed_workspace
    with terminal("--folder", folder, "--json") as second:
        error = read_document(second)["error"]
        assert second.wait() == 2
    assert error["type"] == "InvalidOptionError"
    assert "a folder that no other offline workspace uses now" in error["message"]


def test_a_deployment_that_fails_is_told_with_the_time(capsys):
    """On stderr, so that --json stays a document."""
    with azureml_offline._failures_shown():
        logging.getLogger("modelship.testing.offline.service_rollouts").warning(
            "svc has failed: %s", "why"
        )
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"\d\d:\d\d:\d\d svc has failed: why\n", err)


def test_its_help_imports_neither_the_sdk_nor_the_server():
    """Help is there at once, also where the extra is not installed."""
    code = (
        "import sys, modelship.cli\n"
        "sys.argv = ['modelship', 'azureml-offline', '--help']\n"
        "try: modelship.cli.main()\n"
        "finally: print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "--compute" in done.stdout
    imported = {name.partition(".")[0] for name in done.stderr.split()}
    assert "click" in imported
    assert not imported & {"azureml", "werkzeug", "cryptography", "requests", "asyncio", "ssl"}


def test_the_help_of_the_group_has_a_line_for_it(modelship):
    """It is found by who does not know it."""
    assert "azureml-offline" in cli.list_commands(None)
    assert "Run an Azure ML workspace on this machine." in modelship("--help").stdout


def test_an_unknown_fault_is_refused():
    """Before a workspace is opened; the message lists those that there are."""
    found = CliRunner().invoke(cli, ["azureml-offline", "--fault", "Unknown"])
    assert found.exit_code != 0
    assert "OutOfQuota" in str(found.exception) + found.output
