"""A file system of fsspec that behaves as an object store, and outlives the process: on this disk.

Keys are flat; a put and a copy replace an object at once; one can be created on condition that
there is none. Each operation is one on files, so that tests can kill a process at any of them.
"""

from __future__ import annotations

import io
import os
import uuid
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote

from fsspec import AbstractFileSystem, register_implementation

SCHEME = "oss"


class DiskStore(AbstractFileSystem):
    """Keeps each object in a file of one folder, which is in the variable ``DISK_STORE``."""

    protocol = SCHEME
    cachable = False

    def _file(self, key):
        return Path(os.environ["DISK_STORE"], quote(self._strip_protocol(key), safe=""))

    def pipe_file(self, path, value, mode="overwrite", **_):
        """Write an object at once."""
        draft = self._file(path).parent / f".{uuid.uuid4().hex}"
        draft.write_bytes(value)
        if mode == "create":
            self._file(path).hardlink_to(draft)
            draft.unlink()
        else:
            draft.rename(self._file(path))

    def cat_file(self, path, start=None, end=None, **_):
        """Read an object."""
        return self._file(path).read_bytes()[start:end]

    def put_file(self, lpath, rpath, **_):
        """Write an object from a file."""
        self.pipe_file(rpath, Path(lpath).read_bytes())

    def get_file(self, rpath, lpath, **_):
        """Write a file from an object."""
        Path(lpath).write_bytes(self.cat_file(rpath))

    def cp_file(self, path1, path2, **_):
        """Copy an object at once."""
        self.pipe_file(path2, self.cat_file(path1))

    def rm(self, path, **_):
        """Remove objects one after the other; those that do not exist are ignored."""
        for each in [path] if isinstance(path, str) else path:
            self._file(each).unlink(missing_ok=True)

    def find(self, path, detail=False, **_):  # noqa: FBT002 - as fsspec calls it
        """List the keys below a path."""
        start = self._strip_protocol(path) + "/"
        keys = sorted(unquote(each.name) for each in Path(os.environ["DISK_STORE"]).iterdir())
        found = {}
        for key in (each for each in keys if each.startswith(start)):
            with suppress(FileNotFoundError):  # it was removed meanwhile
                found[key] = self.info(key)
        return found if detail else list(found)

    def info(self, path, **_):
        """Return the facts of an object."""
        path = self._strip_protocol(path)
        if self._file(path).exists():
            return {"name": path, "type": "file", "size": self._file(path).stat().st_size}
        raise FileNotFoundError(path)

    def _open(self, path, mode="rb", **_):
        return io.BytesIO(self.cat_file(path))


register_implementation(SCHEME, DiskStore, clobber=True)
