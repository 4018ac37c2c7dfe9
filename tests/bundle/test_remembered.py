"""Locks of today, which all bundles of one environment have."""

import datetime as dt
import json
import os
import sys

import pytest

from modelship.bundle import Environment, Lock
from modelship.bundle.remembered import index_identity, todays_lock, upgraded_lock
from modelship.runtime._installed import installed_digest
from modelship.runtime.environments import installed_modules

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
SIX = Environment(PYTHON, ("six==1.17.0",))
NEWEST = Lock(PYTHON, "six==1.17.0\n")
OTHER = "six==1.16.0\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path))
    return tmp_path


def today():
    """Return the lock of today, where the index has the newest release."""
    return todays_lock(SIX, resolve=lambda environment: NEWEST)


@pytest.fixture
def kept(home):
    """Remember a lock, and return what changes fields of its file."""
    today()
    [file] = home.glob("cache/locks/*.json")

    def change(**fields):
        file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))

    return change


def of(text):
    """Return the fields of a lock with another text."""
    return {"text": text, "digest": Lock(PYTHON, text).digest}


def test_a_lock_of_today_is_taken_again(kept, monkeypatch):
    """It is read, until a newer one is asked for, which is then that of today."""
    kept(**of(OTHER))
    assert today().text == OTHER
    monkeypatch.setenv("MODELSHIP_REFRESH_LOCKS", "1")
    assert today() == NEWEST
    monkeypatch.delenv("MODELSHIP_REFRESH_LOCKS")
    assert today() == NEWEST
    kept(**of(OTHER))
    assert upgraded_lock(SIX, resolve=lambda environment: NEWEST) == NEWEST


def test_a_lock_of_yesterday_is_not(kept):
    """A new release is taken the next day."""
    yesterday = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1)
    kept(**of(OTHER), day=yesterday.isoformat())
    assert today() == NEWEST


@pytest.mark.parametrize(
    "fields",
    [
        {"text": OTHER},
        of("--index-url http://127.0.0.1:9/\nsix==1.16.0\n"),
        {"text": 7},
        {"more": ""},
    ],
    ids=["another digest", "an option", "no text", "another form"],
)
def test_what_is_no_whole_lock_is_resolved_anew(kept, fields):
    """Somebody changed it, or the disk did."""
    kept(**fields)
    assert today() == NEWEST


def test_a_file_that_cannot_be_read_is_resolved_anew(home, kept):
    """So is one that cannot be written: nothing is remembered then."""
    [file] = home.glob("cache/locks/*.json")
    file.write_bytes(b"\xff")
    assert today() == NEWEST
    file.unlink()
    file.parent.rmdir()
    file.parent.write_text("")
    assert today() == NEWEST


def test_old_locks_are_removed(home, kept):
    """Otherwise one a day would stay."""
    old = home / "cache" / "locks" / "old.json"
    old.touch()
    os.utime(old, (0, 0))
    upgraded_lock(SIX, resolve=lambda environment: NEWEST)
    assert not old.exists()


def test_the_key_of_an_index_holds_no_secret(tmp_path):
    """Another index has locks of its own; another password does not."""
    base = {"PIP_CONFIG_FILE": os.devnull, "HOME": str(tmp_path), "UV_NO_CONFIG": "1"}
    found = [
        index_identity({**base, "PIP_INDEX_URL": url, "UV_INDEX_TEAM_PASSWORD": "hunter2"})
        for url in ("https://me:hunter2@a.example/", "https://a.example/", "https://b.example/")
    ]
    assert found[0] == found[1] != found[2]
    assert "hunter2" not in str(found)


def test_a_new_wheel_in_a_folder_is_seen(tmp_path):
    """What lies in a folder is known by when it was changed."""
    environ = {"PIP_CONFIG_FILE": os.devnull, "HOME": str(tmp_path), "UV_FIND_LINKS": str(tmp_path)}
    before = index_identity(environ)
    (tmp_path / "some-1.0-py3-none-any.whl").touch()
    assert before is not None
    assert index_identity(environ) != before


@pytest.mark.parametrize(
    "told", [{"UV_INDEX": "http://127.0.0.1:3141/root"}, {"UV_CONSTRAINT": "pins.txt"}]
)
def test_what_may_change_unseen_is_not_remembered(monkeypatch, told):
    """Somebody develops there."""
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert index_identity(os.environ) is None


def test_an_environment_of_another_lock_is_not_taken_for_this_one(home):
    """What is installed is known by the whole digest, and not by the name of its folder."""
    lock = Lock("3.11", "six==1.17.0\n")
    digest = installed_digest(lock)
    folder = home / "cache" / "environments" / digest[:16]
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    for made_of, found in ((digest, frozenset()), (digest[:-1] + "x", None), ("", None)):
        (folder / ".modelship-complete").write_text(made_of)
        assert installed_modules(lock) == found
