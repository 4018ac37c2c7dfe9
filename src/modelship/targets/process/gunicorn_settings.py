"""Settings for the gunicorn below Azure ML's server. Runs in the serving environment.

It imports nothing of modelship and nothing outside the standard library. Settings that an older
gunicorn does not know are passed over by it.
"""

import os
import threading
import time

# It would lie in the home folder, one for all services of a user.
control_socket_disable = True

_LOOK_EVERY_S = 0.2


def post_fork(server, worker) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, ARG001 - gunicorn's types are not here
    """Let the worker end with the server: killed alone, it would leave a worker that answers."""
    threading.Thread(target=_end_with, args=(server.pid,), daemon=True).start()


def _end_with(server_pid: int) -> None:
    while os.getppid() == server_pid:
        time.sleep(_LOOK_EVERY_S)
    os._exit(1)
