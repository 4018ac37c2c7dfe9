"""Define FileSource: a model that is a file or a folder on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from modelship.errors import InvalidOptionError
from modelship.sources.model_files import check_there, copy_model
from modelship.sources.source import ModelSource

__all__ = ["FileSource"]


class FileSource(ModelSource):
    """A file or a folder.

    Parameters
    ----------
    path : Path
        The path of the file or folder.

    Raises
    ------
    ModelNotFoundError
        If the path does not exist.
    """

    names_are_yours: ClassVar[bool] = True

    def __init__(self, path: Path) -> None:
        self.path = path.resolve() if path.name in ("", "..") else path
        check_there(self.path)

    @classmethod
    def from_uri(cls, uri: str) -> FileSource:
        """Return the source for a URI such as ``file:///path/to/model.pkl``."""
        parts = urlsplit(uri)
        if parts.netloc not in ("", "localhost") or not parts.path:
            raise InvalidOptionError("location", "another file: URI", "file:///path/here")
        return cls(Path(unquote(parts.path)))

    @property
    def location(self) -> str:
        return str(self.path)

    def download(self, folder: Path) -> str:
        check_there(self.path)
        copy_model(self.path, folder)
        return self.path.name

    def _already_in(self, folder: Path) -> Path | None:
        source, place = self.path.resolve(), (folder / self.path.name).resolve()
        if source == place:
            check_there(self.path)
            return folder / self.path.name
        # Copying would never end in one case, and remove the source in the other.
        if folder.resolve().is_relative_to(source) or source.is_relative_to(place):
            raise InvalidOptionError(
                "folder", str(folder), f"a folder that is not entangled with {self.path}"
            )
        return None
