"""The servers behind the fronts serve only what comes through them."""

from __future__ import annotations

import runpy
import sys
from types import ModuleType, SimpleNamespace

import pytest

from modelship.targets.process.process_backend import FRONT_CHECK

SHOWN = ("X-MODELSHIP-FRONT", "front-key")
OTHER = ("HOST", "127.0.0.1")


class ForbiddenProxyRequestError(Exception):
    """What gunicorn answers with 403."""


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Return a function that reads the settings as gunicorn does, beside some of a user's own."""
    errors = ModuleType("gunicorn.http.errors")
    errors.ForbiddenProxyRequest = ForbiddenProxyRequestError
    monkeypatch.setitem(sys.modules, "gunicorn.http.errors", errors)
    monkeypatch.chdir(tmp_path)

    def read(key="front-key", own=""):
        monkeypatch.setenv("MODELSHIP_FRONT_KEY", key)
        (tmp_path / "gunicorn.conf.py").write_text(own)
        return runpy.run_path(str(FRONT_CHECK), run_name="__config__")

    return read


def request(*headers, method="POST", uri="/score"):
    return SimpleNamespace(method=method, uri=uri, headers=list(headers))


def test_the_front_is_served_and_its_key_is_hidden(settings):
    """The script sees the request as the client sent it."""
    asked = request(SHOWN, OTHER)
    settings()["pre_request"](None, asked)
    assert asked.headers == [OTHER]


@pytest.mark.parametrize(
    "asked",
    [
        request(OTHER),
        request((SHOWN[0], "front-keY"), OTHER),
        request((SHOWN[0], "é")),
        request(("X-OTHER", SHOWN[1])),
        request(OTHER, method="POST", uri="/"),
        request(OTHER, method="GET", uri="/score"),
        request(OTHER, method="GET", uri="/?/score"),
    ],
)
def test_who_goes_around_is_refused(settings, asked):
    """Without the key, with another, or by another field; only the health route is open."""
    with pytest.raises(ForbiddenProxyRequestError):
        settings()["pre_request"](None, asked)


def test_the_health_route_is_open_and_nothing_is_checked_without_a_front(settings):
    """Engines ask for it; and a service that is no offline one has no front."""
    settings()["pre_request"](None, request(method="GET", uri="/"))
    settings(key="")["pre_request"](None, request())


def test_a_users_own_settings_count(settings):
    """In a container, as if no other file was named; what they hook in runs after the check."""
    own = "workers = 3\nseen = []\ndef pre_request(worker, req): seen.append(req.uri)\n"
    found = settings(own=own)
    assert found["workers"] == 3
    found["pre_request"](None, request(SHOWN))
    with pytest.raises(ForbiddenProxyRequestError):
        found["pre_request"](None, request())
    assert found["seen"] == ["/score"]
