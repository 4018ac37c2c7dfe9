"""Run a gunicorn that serves only requests from a front. Runs in the serving environment.

This is the only access control of its port: every user of the machine can connect, and the front is
what checks keys. :mod:`.gunicorn_settings` loads this file; in a container it is the settings file.
It imports nothing outside the standard library, and of modelship only files that images have.
"""

import hmac
import os
import runpy
import sys
from pathlib import Path

_FIELD = "X-MODELSHIP-FRONT"
_KEY = os.environ.get("MODELSHIP_FRONT_KEY", "")


def check(req) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - gunicorn's types are not here
    """Refuse a request without the front's key, and hide the key from the script.

    Without a front there is nothing to check. The health route is open: engines probe it.
    """
    if not _KEY or (req.method, req.uri) == ("GET", "/"):
        return
    shown = [value for name, value in req.headers if name == _FIELD]
    if not any(hmac.compare_digest(each.encode(), _KEY.encode()) for each in shown):
        from gunicorn.http.errors import ForbiddenProxyRequest

        raise ForbiddenProxyRequest("a client that bypasses the service's address")
    req.headers[:] = [(name, value) for name, value in req.headers if name != _FIELD]


if __name__ == "__config__":  # gunicorn's name of its settings file
    _exporter = Path(sys.prefix) / "deferred_exporter.py"  # the setting of an image without a front
    if _exporter.is_file():
        runpy.run_path(str(_exporter))["install"]()
    _of_image = Path(sys.prefix) / "user_settings.py"
    _beside = Path(__file__).resolve().parents[2] / "runtime" / "user_settings.py"
    _user_settings = runpy.run_path(str(_of_image if _of_image.is_file() else _beside))
    _theirs = _user_settings["add_user_settings"](globals())

    def pre_request(worker, req) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - as above
        """Check a request, and run the hook of the user's own settings."""
        check(req)
        if "pre_request" in _theirs:
            _theirs["pre_request"](worker, req)
