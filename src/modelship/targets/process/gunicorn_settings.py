"""Configure the gunicorn of Azure ML's server. Runs in the serving environment.

A ``gunicorn.conf.py`` next to the script also applies here, as in a container, where no other file
is named; the settings below override it. This imports nothing of modelship except five files
without further dependencies, and nothing outside the standard library. Settings that an older
gunicorn does not support are skipped.
"""

import atexit
import ctypes
import gc
import importlib.util
import io
import os
import runpy
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve()
_user_settings = runpy.run_path(str(_HERE.parents[2] / "runtime" / "user_settings.py"))
_theirs = _user_settings["add_user_settings"](globals())


def _flush_theirs() -> None:
    """Write what their hooks have left in files that they opened beside them."""
    for each in _theirs.values():
        if isinstance(each, io.IOBase):
            with suppress(OSError, ValueError):  # it may be closed
                each.flush()


# Python does so when it removes these names, and here threads keep them until the end.
atexit.register(_flush_theirs)
# Its default is in the home folder, one for all services of a user.
control_socket_disable = True

_LOOK_EVERY_S = 0.2
_PR_SET_PDEATHSIG = 1


def _load(name: str, path: Path) -> Any:
    spec: Any = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_rotation = _load("modelship_rotation", _HERE.parents[2] / "server" / "rotation.py")
_front_check = _load("modelship_front_check", _HERE.with_name("front_check.py"))
_gate = _load("modelship_gunicorn_gate", _HERE.parents[2] / "runtime" / "gunicorn_gate.py")
_exporter = _HERE.parents[2] / "runtime" / "deferred_exporter.py"
_load("modelship_deferred_exporter", _exporter).install()


def on_starting(server) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - gunicorn's types are not here
    """Maintain the log, which nothing else does, and the gate of the name's address."""
    if "on_starting" in _theirs:
        _theirs["on_starting"](server)
    # At exit Python looks at all objects several times: a fifth of what a short-lived server takes.
    # This process runs nothing of the script.
    atexit.register(gc.freeze)
    _gate.keep(server)
    threading.Thread(target=_keep_log, daemon=True).start()


def post_fork(server, worker) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - as above
    """Make the worker exit with the server: it would keep answering after a killed server."""
    atexit.unregister(gc.freeze)
    gc.freeze()  # only what the script creates, and what is imported from now on, is looked at
    if "post_fork" in _theirs:
        _theirs["post_fork"](server, worker)
    _gate.pass_through(server, worker)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    threading.Thread(target=_end_with, args=(server.pid,), daemon=True).start()


def pre_request(worker, req) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - as above
    """Serve requests that come through a front, if any, and refuse those that bypass it."""
    _front_check.check(req)
    if "pre_request" in _theirs:
        _theirs["pre_request"](worker, req)


def _keep_log() -> None:
    log = _rotation.LogFile(rotates=True)
    while True:
        log.look()
        time.sleep(_LOOK_EVERY_S)


def _end_with(server_pid: int) -> None:
    log = _rotation.LogFile()
    while os.getppid() == server_pid:
        log.look()
        time.sleep(_LOOK_EVERY_S)
    os._exit(1)
