"""A folder replaces another while other processes do the same, or read it."""

import tempfile
from pathlib import Path

import pytest

from modelship.sources import ModelSource
from modelship.staging import put_in_place


@pytest.fixture
def fetch(tmp_path):
    """Return a function that fetches a folder with one file, and checks it."""
    (tmp_path / "from" / "model").mkdir(parents=True)

    def fetch(content):
        (tmp_path / "from" / "model" / "a").write_bytes(content)
        model = ModelSource.open(tmp_path / "from" / "model").fetch(tmp_path / "to")
        model.verify()
        return model.path

    return fetch


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_an_interrupted_exchange_brings_the_old_folder_back(tmp_path, monkeypatch):
    """Also from the moment at which neither of the two is in place."""
    new, place = tmp_path / "new", tmp_path / "place"
    for each in (new, place):
        each.mkdir()
        (each / each.name).touch()
    rename = Path.rename

    def interrupted(path, target):
        if path == new and not place.exists():
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        put_in_place(new, place, aside=tmp_path / "aside")
    assert names(tmp_path) == ["new", "place"]
    assert names(place) == ["place"]


def test_a_process_that_fails_takes_no_folder_from_another(tmp_path, monkeypatch, fetch):
    """It removes the folder that it has created, in the moment in which the other one begins."""
    make = tempfile.TemporaryDirectory

    def meanwhile(**options):
        monkeypatch.undo()
        (tmp_path / "to").rmdir()
        return make(**options)

    monkeypatch.setattr(tempfile, "TemporaryDirectory", meanwhile)
    assert names(fetch(b"1")) == ["a"]


@pytest.mark.parametrize("other", ["moves the old one", "fills the place"])
def test_the_last_of_two_processes_puts_its_folder_in_place(tmp_path, monkeypatch, fetch, other):
    """Whatever the other one does in the same moment is no error."""
    place, rename = fetch(b"old"), Path.rename

    def meanwhile(path, target):
        if path == place:
            monkeypatch.undo()
            if other == "moves the old one":
                rename(path, tmp_path / "theirs")
            else:
                rename(path, target)
                place.mkdir()
                (place / "b").touch()
                return target
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", meanwhile)
    assert names(fetch(b"new")) == ["a"]
    assert names(place.parent) == ["model"]


def test_a_folder_with_the_same_content_stays(fetch):
    """Another process that has fetched it may be reading it."""
    place = fetch(b"1")
    before = place.stat().st_ino
    assert fetch(b"1").stat().st_ino == before
    assert fetch(b"2").stat().st_ino != before
