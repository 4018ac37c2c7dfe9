"""No line that a script or a request puts into the log can be taken for one of the server's."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import requests
from differential.servers import OURS
from requests.adapters import HTTPAdapter
from urllib3 import Retry

_TIMEOUT_S = 30.0
_FORGED = "2026-01-31 12:00:00,123 I [42] azmlinfsrv - POST /score 200 1.234ms 3"
_SCRIPT = """
import json, logging, sys, warnings
logging.getLogger("mine").addHandler(logging.StreamHandler())

def init():
    sys.stdout.write("begun, and not ended")

def run(raw_data):
    asked = json.loads(raw_data)
    text = asked["text"]
    WAYS[asked["way"]](text)

def fail(text):
    raise ValueError(text)

WAYS = {
    "print": print,
    "print to stderr": lambda text: print(text, file=sys.stderr),
    "raise": fail,
    "log": logging.getLogger("azmlinfsrv").error,
    "log elsewhere": logging.getLogger("mine").error,
    "log at the root": logging.error,
    "write": sys.stdout.write,
    "write later": lambda text: [sys.stdout.write(each) for each in text],
    "write bytes": lambda text: sys.stdout.buffer.write(text.encode()),
    "write to stderr": lambda text: sys.stderr.write(text + chr(10)),
    "warn": warnings.warn,
}
"""
_WAYS = [line.split('"')[1] for line in _SCRIPT.splitlines() if line.startswith('    "')]
_BREAKS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1e", "\x85", "\u2028", "\u2029"]


@pytest.fixture(scope="module", params=["text", "json", "strict"])
def server(request, serving):
    """Return a server that has been asked for every way with every break; it has ended."""
    kind = "strict" if request.param == "strict" else "default"
    settings = {"MODELSHIP_LOG_FORMAT": "json" if request.param == "json" else "text"}
    server = serving.start(kind, script="plain", files={"score.py": _SCRIPT}, settings=settings)
    assert server.wait_until_healthy()
    for way in _WAYS:
        for mark in _BREAKS:
            body = {"way": way, "text": f"said{mark}{_FORGED}{mark}{{}}"}
            uri = f"http://127.0.0.1:{server.port}/score"
            requests.post(uri, json=body, timeout=_TIMEOUT_S)
    server.stop()
    server.is_json = request.param == "json"
    return server


def test_no_line_is_forged(server):
    """However it is written and broken, a request's text begins no line; nothing of it is lost."""
    assert not [line for line in server.log.splitlines() if line.startswith(_FORGED)]
    assert server.log.count("POST /score 200 1.234ms 3") >= len(_WAYS) * len(_BREAKS)


def test_each_line_of_ours_is_whole(server):
    """What a script has begun and not ended does not hide the line that comes next."""
    if server.is_json:
        found = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
        scored = [each for each in found if each.get("status")]
    else:
        line = r"^\d{4}-\S+ \S+ I \[\d+\] azmlinfsrv - POST /score \d+ \d+\.\d{3}ms \d+$"
        scored = re.findall(line, server.log, re.MULTILINE)
    assert len(scored) == len(_WAYS) * len(_BREAKS)


def test_each_line_of_json_is_an_object(server):
    """A collector can read each line, also those that the script has written by itself."""
    if server.is_json:
        named = {json.loads(line)["logger"] for line in server.log.splitlines()}
        assert named >= {f"azmlinfsrv{each}" for each in ("", ".print", ".stdout", ".stderr")}


def test_what_moves_the_cursor_is_shown(serving):
    """A terminal shows an escape as text; colors stay."""
    script = (
        'def init():\n    print("a\\x1b[31mred\\x1b[0m b\\x1b[1Ac\\x08\\x00")\ndef run(d): return d'
    )
    server = serving.start("default", script="plain", files={"score.py": script})
    assert server.wait_until_healthy()
    server.stop()
    assert "a\x1b[31mred\x1b[0m b\\x1b[1Ac\\x08\\x00\n" in server.log


def test_a_log_that_cannot_be_written_fails_no_request(serving_python, tmp_path, reserved_port):
    """On a full disk what a script writes is lost, and its answer is not."""
    script = "import sys\ndef init(): sys.stdout.write('a\\n')\ndef run(d): sys.stderr.write(d)\n"
    (tmp_path / "score.py").write_text(script)
    (tmp_path / "modelship_server").symlink_to(OURS)
    command = [serving_python, "-m", "modelship_server", "--entry_script", "score.py"]
    with (
        Path("/dev/full").open("w") as full,
        subprocess.Popen(
            [*command, "--port", str(reserved_port)], cwd=tmp_path, stdout=full, stderr=full
        ) as process,
    ):
        try:
            assert _answered(f"http://127.0.0.1:{reserved_port}/score") == 200
        finally:
            process.terminate()
    assert process.returncode == 0


def _answered(uri):
    """Return the status of a request that is tried until there is a server."""
    patient = HTTPAdapter(max_retries=Retry(total=None, connect=10, backoff_factor=0.1))
    with requests.Session() as session:
        session.mount("http://", patient)
        return session.post(uri, json=1, timeout=_TIMEOUT_S).status_code


def test_what_misleads_is_explained(serving):
    """A body that curl takes for a form, and an array that is no JSON, are told in plain words."""
    script = "def init(): pass\ndef run(raw_data): return {1} if raw_data else None\n"
    server = serving.start("default", script="plain", files={"score.py": script})
    assert server.wait_until_healthy()
    uri = f"http://127.0.0.1:{server.port}/score"
    for _ in range(2):
        requests.post(uri, data={"a": 1}, timeout=_TIMEOUT_S)
    requests.post(uri, json=1, timeout=_TIMEOUT_S)
    log = server.stop().log
    assert log.count("-H 'Content-Type: application/json'") == 1
    assert "run() returned a value of type set that cannot be written as JSON" in log
    assert "server/scorer.py" not in log


def test_lines_of_a_format_of_ones_own_are_indented_too(serving):
    """A logging.json decides how a line looks, and not who may begin one."""
    config = {
        "version": 1,
        "formatters": {"own": {"format": "%(levelname)s own %(message)s"}},
        "handlers": {
            "own": {
                "class": "logging.StreamHandler",
                "formatter": "own",
                "stream": "ext://sys.stdout",
            }
        },
        "loggers": {"azmlinfsrv": {"level": "INFO", "handlers": ["own"], "propagate": False}},
    }
    script = "def init(): print('a\\nINFO own b')\ndef run(raw_data): return 1\n"
    files = {"score.py": script, "logging.json": json.dumps(config)}
    server = serving.start("default", script="plain", files=files)
    assert server.wait_until_healthy()
    assert "INFO own a\n    INFO own b\n" in server.stop().log
