"""Releases that are kept to go back to, when something has happened to their folder."""

from __future__ import annotations

import shutil

import pytest

from modelship.bundle import Environment
from modelship.errors import StorageError
from modelship.targets import Serving
from modelship.targets.kept import KeptReleases
from modelship.targets.release import Release
from modelship.testing import offline_bundle, script_bundle

SCRIPT = "def init():\n    pass\n\ndef run(raw_data):\n    return 1\n"


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    return KeptReleases("process", "svc-a")


@pytest.fixture
def release(tmp_path):
    environment = Environment(python="3.11", requirements=())
    bundle = script_bundle(SCRIPT, folder=tmp_path, environment=environment)
    return Release(offline_bundle(bundle), Serving(workers=2))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is not JSON"),
        ("[]", "it is a list"),
        ("{}", "it lacks 'secrets'"),
        ('{"secrets": {"A": 5}}', "secrets.A is 5"),
        ('{"secrets": {}, "of_tomorrow": 1}', "of_tomorrow"),
        (None, "No such file"),
    ],
)
def test_what_does_not_tell_how_a_release_is_served_is_told(kept, release, content, said):
    """It names the file, and what to do, wherever it is read."""
    kept.keep(release)
    path = kept.folder / release.digest / "serving.json"
    path.unlink() if content is None else path.write_text(content)
    for read in (kept.serving, kept.place):
        with pytest.raises(
            StorageError, match="does not describe how the release is served"
        ) as error:
            read(release.digest)
        assert said in str(error.value)
    assert kept.known_secrets(release.digest) == ()


def test_a_release_of_which_half_was_removed_is_kept_again(kept, release, monkeypatch):
    """Who is killed while it forgets a release leaves nothing in its place."""
    kept.keep(release)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", _killed)
        with pytest.raises(KeyboardInterrupt):
            kept.forget()
    kept.keep(release)
    assert kept.bundle(release.digest).digest == release.bundle.digest
    assert kept.serving(release.digest) == release.serving
    kept.forget(but={release.digest})
    assert [each.name for each in kept.folder.iterdir()] == [release.digest]


def _killed(folder, **_):
    """Remove a file of a folder, and end."""
    next(folder.rglob("serving.json")).unlink()
    raise KeyboardInterrupt
