"""Settings for the gunicorn below Azure ML's server. Runs in the serving environment.

A ``gunicorn.conf.py`` beside the script counts here too, as in a container, where nobody names
another file; what is said below goes before it. This imports nothing of modelship and nothing
outside the standard library. Settings that an older gunicorn does not know are passed over by it.
"""

import hmac
import os
import runpy
import threading
import time
from pathlib import Path

_BESIDE_THE_SCRIPT = Path("gunicorn.conf.py")
_theirs = runpy.run_path(str(_BESIDE_THE_SCRIPT)) if _BESIDE_THE_SCRIPT.is_file() else {}
for _name in _theirs.keys() - globals().keys():
    globals()[_name] = _theirs[_name]

# It would lie in the home folder, one for all services of a user.
control_socket_disable = True

_LOOK_EVERY_S = 0.2
_FRONT = "X-MODELSHIP-FRONT"
_FRONT_KEY = os.environ.get("MODELSHIP_FRONT_KEY", "")


def post_fork(server, worker) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - gunicorn's types are not here
    """Let the worker end with the server: killed alone, it would leave a worker that answers."""
    if "post_fork" in _theirs:
        _theirs["post_fork"](server, worker)
    threading.Thread(target=_end_with, args=(server.pid,), daemon=True).start()


def pre_request(worker, req) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, ARG001 - as above
    """Serve what comes through a front that checks keys, and none who goes around it.

    Who may connect to this port is not said by anything else. The health route stays open.
    """
    if not _FRONT_KEY or (req.method, req.uri) == ("GET", "/"):
        return
    shown = [value for name, value in req.headers if name == _FRONT]
    if not any(hmac.compare_digest(each.encode(), _FRONT_KEY.encode()) for each in shown):
        from gunicorn.http.errors import ForbiddenProxyRequest

        raise ForbiddenProxyRequest("who does not come through the service's address")
    req.headers[:] = [(name, value) for name, value in req.headers if name != _FRONT]


def _end_with(server_pid: int) -> None:
    while os.getppid() == server_pid:
        time.sleep(_LOOK_EVERY_S)
    os._exit(1)
