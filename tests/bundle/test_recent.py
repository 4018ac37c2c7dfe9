"""Locks that are remembered for a short while."""

import os
import sys

import pytest

from modelship.bundle import Environment, Lock
from modelship.runtime._installed import installed_digest
from modelship.runtime.environments import installed_modules
from modelship.runtime.recent import recent_lock

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
SIX = Environment(PYTHON, ("six==1.17.0",))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path))
    return tmp_path


def test_a_lock_of_a_short_while_ago_is_taken_again(home):
    """What was resolved is written down, and read as long as it is young enough."""
    first = recent_lock(SIX)
    [file] = home.glob("cache/locks/*")
    file.write_text("six==1.17.0\n")
    assert recent_lock(SIX).text == "six==1.17.0\n"
    old_s = file.stat().st_mtime - 700
    os.utime(file, (old_s, old_s))
    assert recent_lock(SIX) == first


def test_another_index_has_a_lock_of_its_own(home, monkeypatch):
    """What one index was asked is no answer of another."""
    recent_lock(SIX)
    monkeypatch.setenv("UV_NO_BINARY_PACKAGE", "some-package")
    recent_lock(SIX)
    assert len(list(home.glob("cache/locks/*"))) == 2


@pytest.mark.parametrize("kept", [b"--index-url http://127.0.0.1:9/\nsix==1.17.0\n", b"\xff"])
def test_what_is_no_lock_is_not_taken_for_one(home, small_lock, kept):
    """A remembered lock that somebody changed into something else is resolved anew."""
    recent_lock(SIX)
    [file] = home.glob("cache/locks/*")
    file.write_bytes(kept)
    assert recent_lock(SIX) == small_lock


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
