"""The server is started by hand: with Python's -m, or as a command of modelship."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
import requests

import modelship
from waiting import wait_until

_SOURCE = Path(modelship.__file__).parents[1]
_TIMEOUT_S = 30.0
_SCRIPT = """
import json, os, sys
import beside

def init():
    print("ready")

def run(raw_data):
    others = [n for n in sys.modules if n.split(".")[0] == "modelship"]
    others = [n for n in others if not n.startswith("modelship.server")]
    return {"modules": others, "model": os.environ.get("AZUREML_MODEL_DIR"), "got": raw_data}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "score.py").write_text(_SCRIPT)
    (tmp_path / "beside.py").write_text("")
    return tmp_path


def _started(command, *, cwd, **variables):
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    environment = {**kept, "PYTHONPATH": str(_SOURCE), **variables}
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(list(map(str, command)), cwd=cwd, env=environment, **output)


@contextmanager
def _serving(command, *, cwd, port, **variables):
    """Start a server, wait until it takes requests, and yield it with a function that asks it."""
    uri = f"http://127.0.0.1:{port}"
    with _started(command, cwd=cwd, **variables) as process:
        try:
            wait_until(lambda: _is_ready(uri) or process.poll() is not None)
            assert process.poll() is None, process.stdout.read()
            yield process, lambda: requests.post(f"{uri}/score", json=[1], timeout=10).json()
        finally:
            process.kill()


def _is_ready(uri):
    try:
        return requests.get(f"{uri}/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_python_serves_a_script(serving_python, folder, number, reserved_port):
    """Nothing else of modelship is imported, and either signal ends it with exit code 0."""
    command = [serving_python, "-m", "modelship.server", "--entry_script", "score.py"]
    command += ["--port", reserved_port, "--model_dir", "outputs"]
    with _serving(command, cwd=folder, port=reserved_port) as (process, ask):
        assert ask() == {"modules": ["modelship"], "model": "outputs", "got": "[1]"}
        process.send_signal(number)
        log, _ = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 0
    assert "Traceback" not in log
    assert "Shutting down: Master, with exit code 0" in log.splitlines()[-1]


def test_modelship_serves_a_script(folder, reserved_port):
    """The command finds the modules next to the script, and listens on this machine only."""
    command = [
        sys.executable,
        "-m",
        "modelship.cli",
        "serve",
        folder / "score.py",
        "--port",
        reserved_port,
    ]
    command += ["--workers", 2, "--model-dir", folder, "--server-option", "fast_json=on", "--json"]
    with _serving(command, cwd="/", port=reserved_port) as (process, ask):
        assert (ask()["model"], ask()["got"]) == (str(folder), "[1]")
        process.terminate()
        log, _ = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 0
    assert "Worker Count: 2" in log
    assert "MODELSHIP_FAST_JSON=true, MODELSHIP_LOG_FORMAT=json, MODELSHIP_HOST=127.0.0.1" in log
    assert all(line.startswith("{") for line in log.splitlines())


_RAW = """
from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse

def init(): pass

@rawhttp
def run(request):
    return AMLResponse({"is_raw": isinstance(request, AMLRequest)}, 201, json_str=True)
"""


def test_a_script_may_name_azure_ml_s_server(folder, reserved_port):
    """What it imports from there is there, also where that package is not installed."""
    assert find_spec("azureml_inference_server_http") is None
    (folder / "score.py").write_text(_RAW)
    command = [sys.executable, "-m", "modelship.cli", "serve", "score.py", "--port", reserved_port]
    with _serving(command, cwd=folder, port=reserved_port) as (_, ask):
        assert set(ask()) == {"is_raw"}


def test_a_taken_port_is_named(serving_python, folder):
    """Exit code 1, and what to do."""
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [serving_python, "-m", "modelship.server", "--entry_script", "score.py"]
        with _started([*command, "--port", port], cwd=folder) as process:
            log, _ = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 1
    assert f"Cannot listen on 0.0.0.0:{port}" in log
    assert "--port" in log


_WRONG = [
    ({"MODELSHIP_KEYS_FILE": "none.json"}, "MODELSHIP_KEYS_FILE is 'none.json'"),
    ({"MODELSHIP_KEYS_FILE": "score.py"}, '{"primary": "...", "secondary": "..."}'),
    ({"MODELSHIP_KEYS_FILE": "list.json"}, "does not hold keys"),
    ({"MODELSHIP_TLS_CERTIFICATE": "none.pem"}, "MODELSHIP_TLS_CERTIFICATE is 'none.pem'"),
    ({"MODELSHIP_TLS_CERTIFICATE": "score.py"}, "they must be PEM"),
    ({"MODELSHIP_TLS_KEY": "score.py"}, "MODELSHIP_TLS_KEY is given without"),
]


@pytest.mark.parametrize(("variables", "told"), _WRONG)
def test_a_file_that_cannot_be_used_is_named(
    serving_python, folder, variables, told, reserved_port
):
    """The server ends at once with exit code 1, and does not start worker after worker."""
    (folder / "list.json").write_text("[1]")
    command = [serving_python, "-m", "modelship.server", "--entry_script", "score.py"]
    with _started([*command, "--port", reserved_port], cwd=folder, **variables) as process:
        log, _ = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 1
    assert told in log
    assert "Traceback" not in log


def test_flags_may_be_typed_with_dashes(serving_python, folder):
    """--config-file is --config_file; that there is no such file is told."""
    command = [serving_python, "-m", "modelship.server", "--config-file=none.json"]
    with _started(command, cwd=folder) as process:
        log, _ = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 1
    assert "none.json is not there" in log


def test_missing_packages_are_named(folder, tmp_path_factory):
    """A Python without what the server needs says which, and names the extra; exit code 1."""
    alone = tmp_path_factory.mktemp("alone")  # modelship is there, and no installed package
    (alone / "modelship").symlink_to(_SOURCE / "modelship")
    command = [sys.executable, "-S", "-m", "modelship.server", "--entry_script", "score.py"]
    with _started(command, cwd=folder, PYTHONPATH=str(alone)) as it:
        try:
            log, _ = it.communicate(timeout=_TIMEOUT_S)
        finally:
            it.kill()
    assert it.returncode == 1
    assert "has no httptools and no uvloop" in log
    assert "extra 'server'" in log


def test_help_names_each_setting_and_exit_code(serving_python, folder):
    """--help is short, has an example, and exits with 0."""
    with _started([serving_python, "-m", "modelship.server", "--help"], cwd=folder) as process:
        text, _ = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 0
    assert "python -m modelship.server --entry_script score.py" in text
    assert "MODELSHIP_BODY_MB" in text
    assert "3 the script cannot be loaded" in text
