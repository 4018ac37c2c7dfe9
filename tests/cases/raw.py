"""The raw path: what whoever ships a bundle without checking it meets, on the real server."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests
import yaml

from cases.locks import environment_of, lock_of
from modelship.bundle._uv import run_uv
from modelship.bundle.generated import generate_source
from modelship.runtime.environments import environment_python
from modelship.sources import Model
from modelship.tables import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cases.case import Case, Laid

__all__ = ["Met", "meet"]

_STUB = Path(__file__).with_name("become_server.py")
_DEADLINE_S = 150.0  # enough for a cold environment on a busy machine
_BUILD_S = 240.0
_ENDING_S = 8.0
_PASSED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ")
# Where a service has its files, and where its environment lies in Azure ML's images.
_APP_ROOT = "/var/azureml-app"
_PREFIX = "/azureml-envs/service"


@dataclass(frozen=True)
class Met:
    """How it went, in a word, and everything that was said."""

    outcome: str
    said: str

    def telling_line(self, pattern: str) -> str:
        """Return the last line that `pattern` is found in, or ``""``."""
        *_, found = (None, *re.finditer(pattern, self.said))
        if found is None:
            return ""
        start = self.said.rfind("\n", 0, found.start()) + 1
        end = self.said.find("\n", found.end())
        return self.said[start : None if end < 0 else end].strip()


def meet(case: Case, laid: Laid, folder: Path) -> Met:
    """Do what a person would do with the parts of a case, and tell what came of it."""
    by = case.server.get("by", "server")
    if by == "azure":  # its documented answer: there is no Azure here to ask
        return Met(case.server["outcome"], case.server["said"])
    return {"server": _serve, "resolver": _resolve, "yaml": _read_yaml}[by](case, laid, folder)


def _resolve(case: Case, laid: Laid, folder: Path) -> Met:
    """Let the resolver speak for itself."""
    wanted = environment_of(laid)
    done = run_uv(
        [
            *("pip", "compile", "-", "--quiet", "--no-header", "--only-binary", ":all:"),
            *("--python-version", wanted.python),
        ],
        stdin="\n".join(wanted.requirements) + "\n",
        timeout_s=_DEADLINE_S,
        asks_index=True,
        folder=str(folder),
    )
    return Met("resolves" if done.ok else "unresolvable", re.sub(r"\s*\n\s+", " ", done.words))


def _read_yaml(case: Case, laid: Laid, folder: Path) -> Met:
    """Read the environment as Environment.from_conda_specification() of Azure's SDK does."""
    assert laid.environment is not None
    try:
        yaml.safe_load(laid.environment.read_text())
    except yaml.YAMLError:
        return Met("unreadable", traceback.format_exc().replace(str(folder), "."))
    return Met("readable", "")


def _serve(case: Case, laid: Laid, folder: Path) -> Met:
    """Run the inference server on the laid-out folder, and send the sample request."""
    app, log = folder / "app", folder / "server.log"
    model_dir, script = _stage(laid, app)
    python = environment_python(lock_of(environment_of(laid)), timeout_s=_BUILD_S)
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = subprocess.Popen(
            _command(case, python, script, descriptor=listener.fileno(), address=address),
            cwd=app,
            env=_variables(case, app, python=python, model_dir=model_dir),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
    try:
        outcome, answer = _ask(case, laid, address, server)
        end_s = time.monotonic() + _DEADLINE_S
        # On a busy machine, the deadline of the case may pass before the server gets so far.
        while outcome == "hangs" and not _has_said(case, log) and time.monotonic() < end_s:
            outcome, answer = _ask(case, laid, address, server)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    said = f"{log.read_text(errors='replace')}\n{answer}"
    return Met(outcome, _elsewhere(said, {app: _APP_ROOT, python.parents[1]: _PREFIX}))


def _has_said(case: Case, log: Path) -> bool:
    return re.search(case.server["says"], log.read_text(errors="replace")) is not None


def _stage(laid: Laid, app: Path) -> tuple[Path, str]:
    """Lay the parts out as Azure ML does, and return the model's folder and the script's path."""
    if laid.entry_script is None:
        script, source = generate_source([Model.read(laid.model)], schema=Schema())
        app.mkdir()
        for file in source:
            (app / file.path).parent.mkdir(parents=True, exist_ok=True)
            (app / file.path).write_bytes(file.content)
    else:
        script = laid.entry_script
        ignored = None if not laid.alone else lambda _, names: {*names} - {script}
        shutil.copytree(laid.source, app, ignore=ignored)
    model_dir = app / "azureml-models" / laid.model.name.partition(".")[0] / "1"
    model_dir.mkdir(parents=True)
    if laid.model.is_dir():
        shutil.copytree(laid.model, model_dir / laid.model.name)
    elif laid.model.exists():
        shutil.copy(laid.model, model_dir)
    return model_dir, script


def _command(
    case: Case, python: Path, script: str, *, descriptor: int, address: str
) -> list[str | Path]:
    limited = case.server.get("limited", False)
    memory_bytes = int(case.bundle["memory_gb"] * 2**30) if limited else 0
    return [
        *(python, "-I", "-S", _STUB, str(descriptor), str(memory_bytes)),
        *(python, "-m", "azureml_inference_server_http", "--entry_script", script),
        *("--port", address.rpartition(":")[2]),
    ]


def _variables(case: Case, app: Path, *, python: Path, model_dir: Path) -> Mapping[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONUNBUFFERED": "1",
        "HOME": str(app.parent),  # gunicorn writes there
        "AML_APP_ROOT": str(app),
        "AZUREML_MODEL_DIR": str(model_dir),
        **case.server.get("variables", {}),
    }


def _ask(case: Case, laid: Laid, address: str, server: subprocess.Popen[bytes]) -> tuple[str, str]:
    """Send the sample, which waits in the socket until the server takes it."""
    timeout_s = case.server.get("deadline_s", _DEADLINE_S)
    session = requests.Session()
    session.trust_env = False  # a proxy has no part in it
    try:
        if laid.sample is None:
            answer = session.get(f"{address}/", timeout=timeout_s)
        else:
            headers = case.server.get("headers", {})
            answer = session.post(
                f"{address}/score", json=laid.sample, headers=headers, timeout=timeout_s
            )
    except requests.Timeout:
        return "hangs", ""
    except requests.ConnectionError as error:
        return _ended(server), str(error)
    finally:
        session.close()
    return "answers" if answer.ok else str(answer.status_code), answer.text


def _ended(server: subprocess.Popen[bytes]) -> str:
    """Return whether the server has gone, or only its connection."""
    with suppress(subprocess.TimeoutExpired):
        return f"exits {server.wait(_ENDING_S)}"
    return "drops"


def _elsewhere(text: str, places: Mapping[Path, str]) -> str:
    for place, shown in places.items():
        text = text.replace(str(place), shown)
    return text
