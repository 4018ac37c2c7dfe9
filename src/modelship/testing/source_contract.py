"""Test the source contract. Its clauses are in ``docs/reference/source-contract.md``.

Subclass :class:`SourceContract` in your own test module, and define how to put a model where your
source finds it::

    from modelship.testing import SourceContract


    class TestSharedDrive(SourceContract):
        scheme = "drive"

        def put(self, folder, file_name, content):
            (folder / file_name).write_bytes(content)
            return f"drive:{folder / file_name}"

        def missing(self, folder):
            return f"drive:{folder / 'none.pkl'}"
"""

from __future__ import annotations

import hashlib
import pickle
import traceback
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pytest

from modelship.errors import (
    CorruptModelError,
    DigestMismatchError,
    FetchError,
    InvalidOptionError,
    ModelNotFoundError,
    ModelshipError,
)
from modelship.sources import ModelSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modelship.sources import Model

__all__ = ["Doubling", "SourceContract"]

_FILE: Final = "doubling.pkl"


class Doubling:
    """An estimator that doubles its rows."""

    def predict(self, rows: Sequence[float]) -> list[float]:
        """Return each row times two."""
        return [2 * row for row in rows]


_CONTENT: Final = pickle.dumps(Doubling())


class SourceContract:
    """The clauses that every source has to meet, with one test for each numbered clause.

    Attributes
    ----------
    scheme : str
        The scheme of its URIs, such as ``"s3"``; empty if its models have no URIs.
    options : Mapping[str, Any]
        Further options for :meth:`ModelSource.open <modelship.ModelSource.open>`.
    secret : str
        The secret in the locations of :meth:`put` and :meth:`missing`, if any; it must not be
        shown.
    keeps_bytes : bool
        Whether the fetched bytes are the same as the bytes that were put.
    """

    scheme: ClassVar[str] = ""
    options: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    secret: ClassVar[str] = ""
    keeps_bytes: ClassVar[bool] = True

    def put(self, folder: Path, file_name: str, content: bytes) -> object:
        """Put a model where the source finds it, and return its location.

        Parameters
        ----------
        folder : Path
            An empty folder for this test alone; optional to use.
        file_name : str
            The file name of the model.
        content : bytes
            The content: a pickle, or the start of a truncated one.
        """
        raise NotImplementedError

    def missing(self, folder: Path) -> object:
        """Return the location of a model that does not exist."""
        raise NotImplementedError

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        """Return the folder that :meth:`put` gets."""
        place = tmp_path / "place"
        place.mkdir()
        return place

    @pytest.fixture
    def location(self, place: Path) -> object:
        """Return the location of a model that doubles its rows."""
        return self.put(place, _FILE, _CONTENT)

    def open(self, location: object, **options: Any) -> ModelSource:
        """Open the source of a location."""
        return ModelSource.open(location, **self.options, **options)

    def test_s01_fetch_brings_the_model_and_nothing_else(
        self, location: object, tmp_path: Path
    ) -> None:
        """S01: fetch() puts the model into the folder, under its own name, and nothing else."""
        model = self.open(location).fetch(tmp_path / "to")
        assert _names(tmp_path / "to") == [model.path.name]
        assert model.load(trust_model=True).predict([1, 2.5]) == [2, 5]
        if self.keeps_bytes:
            assert model.path.read_bytes() == _CONTENT
            assert model.digest == hashlib.sha256(_CONTENT).hexdigest()

    def test_s02_fetching_again_changes_nothing(self, location: object, tmp_path: Path) -> None:
        """S02: fetching the same model again replaces it with itself."""
        first = self.open(location).fetch(tmp_path / "to")
        again = self.open(location).fetch(tmp_path / "to")
        assert _identity(again) == _identity(first)
        assert _names(tmp_path / "to") == [first.path.name]

    def test_s03_name_and_version_are_as_asked(self, location: object, tmp_path: Path) -> None:
        """S03: the model has the name passed to open(), and the version where there is one."""
        model = self.open(location, name="asked", version="1").fetch(tmp_path)
        assert (model.name, model.version) == ("asked", "1")

    def test_s04_another_digest_is_refused(self, location: object, tmp_path: Path) -> None:
        """S04: an unexpected sha256 is DigestMismatchError; the previous file stays."""
        there = self.open(location).fetch(tmp_path / "to").path
        there.write_bytes(b"mine")
        with pytest.raises(DigestMismatchError):
            self.open(location, sha256="0" * 64).fetch(tmp_path / "to")
        assert (_names(tmp_path / "to"), there.read_bytes()) == ([there.name], b"mine")

    def test_s05_a_truncated_model_is_refused(self, place: Path, tmp_path: Path) -> None:
        """S05: a truncated model is CorruptModelError, and nothing is left."""
        if not self.keeps_bytes:
            pytest.skip("this source does not keep the bytes of a model")
        location = self.put(place, _FILE, _CONTENT[:-5])
        with pytest.raises(CorruptModelError):
            self.open(location).fetch(tmp_path / "to")
        assert _names(tmp_path / "to") == []

    def test_s06_what_is_not_there_is_said(self, place: Path, tmp_path: Path) -> None:
        """S06: a missing model is ModelNotFoundError or FetchError, and nothing is left."""
        with pytest.raises((ModelNotFoundError, FetchError)):
            self.open(self.missing(place)).fetch(tmp_path / "to")
        assert _names(tmp_path / "to") == []

    def test_s07_nothing_is_run(self, place: Path, tmp_path: Path) -> None:
        """S07: fetching runs no code of a model, whatever loading it would run."""
        if not self.keeps_bytes:
            pytest.skip("this source does not keep the bytes of a model")
        ran = tmp_path / "ran"
        location = self.put(place, _FILE, f"cos\nmkdir\n(V{ran}\ntR.".encode())
        model = self.open(location).fetch(tmp_path / "to")
        assert not ran.exists()
        assert not model.passport.safe_to_load

    def test_s08_no_secret_is_shown(self, location: object, place: Path, tmp_path: Path) -> None:
        """S08: a secret in a location is in no repr, message, hint or evidence."""
        if not self.secret:
            pytest.skip("its locations contain no secret")
        source = self.open(location)
        with pytest.raises(ModelshipError) as caught:
            self.open(self.missing(place)).fetch(tmp_path / "to")
        shown = [repr(source), source.location, *traceback.format_exception(caught.value)]
        assert [each for each in shown if self.secret in each] == []

    def test_s09_an_unknown_option_is_refused(self, location: object) -> None:
        """S09: an unknown option is InvalidOptionError, which does not show its value."""
        with pytest.raises(InvalidOptionError, match="no_such_option") as caught:
            self.open(location, no_such_option="its value")
        assert "its value" not in str(caught.value)

    def test_s10_a_file_is_no_folder(self, location: object, tmp_path: Path) -> None:
        """S10: a file in place of the folder is InvalidOptionError, and the file stays."""
        (tmp_path / "file").write_bytes(b"mine")
        with pytest.raises(InvalidOptionError, match="folder"):
            self.open(location).fetch(tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"mine"

    def test_s11_a_uri_of_nothing_is_refused(self) -> None:
        """S11: a URI of only a scheme is InvalidOptionError, before anything is fetched."""
        if not self.scheme:
            pytest.skip("its models have no URIs")
        with pytest.raises(InvalidOptionError):
            self.open(f"{self.scheme}:")


def _names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.glob("*"))


def _identity(model: Model) -> tuple[object, ...]:
    return model.name, model.version, model.path, model.digest, model.origin
