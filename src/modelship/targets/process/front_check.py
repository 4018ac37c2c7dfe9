"""Run a gunicorn that serves only requests from a front. Runs in the serving environment.

Who may connect to its port is said by nothing else: every user of the machine may, and the front is
what checks keys. :mod:`.gunicorn_settings` loads this file; in a container it is the file of
settings. It imports nothing of modelship and nothing outside the standard library.
"""

import hmac
import os
import runpy
from pathlib import Path

_FIELD = "X-MODELSHIP-FRONT"
_KEY = os.environ.get("MODELSHIP_FRONT_KEY", "")


def check(req) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - gunicorn's types are not here
    """Refuse a request without the front's key, and hide the key from the script.

    There is nothing to check without a front. The health route is open: engines ask it.
    """
    if not _KEY or (req.method, req.uri) == ("GET", "/"):
        return
    shown = [value for name, value in req.headers if name == _FIELD]
    if not any(hmac.compare_digest(each.encode(), _KEY.encode()) for each in shown):
        from gunicorn.http.errors import ForbiddenProxyRequest

        raise ForbiddenProxyRequest("who does not come through the service's address")
    req.headers[:] = [(name, value) for name, value in req.headers if name != _FIELD]


if __name__ == "__config__":  # as gunicorn names its file of settings
    _beside = Path("gunicorn.conf.py")  # which counts where nobody names another file
    _theirs = runpy.run_path(str(_beside)) if _beside.is_file() else {}
    for _name in _theirs.keys() - globals().keys():
        globals()[_name] = _theirs[_name]

    def pre_request(worker, req) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - as above
        """Check a request, and do what the user's own settings say."""
        check(req)
        if "pre_request" in _theirs:
            _theirs["pre_request"](worker, req)
