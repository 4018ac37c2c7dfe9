"""Fetch the source of a service from its workspace, as files in a folder."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from modelship.errors import StorageError

if TYPE_CHECKING:
    from modelship.migration.aci_service import AciService, SourceAsset
    from modelship.workspace import Workspace

__all__ = ["fetch_source", "unpack_archive"]

_MOST_BYTES: Final = 2**30
_MOST_FILES: Final = 20_000


def fetch_source(service: AciService, workspace: Workspace, folder: Path) -> str:
    """Write the source of a service into `folder`; return the script's path in it.

    SDK v1 packs a source folder under its own name; here its content is in `folder` itself.

    Raises
    ------
    WorkspaceError
        If the workspace refuses.
    StorageError
        If the source is incomplete or not valid, or cannot be written.
    """
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="modelship-") as scratch:
        for count, asset in enumerate(service.assets):
            path = Path(scratch, str(count))
            workspace.download_artifact(asset.artifact, path)
            _place(asset, path, folder)
    return _script_in(folder, service.entry_script)


def _place(asset: SourceAsset, path: Path, folder: Path) -> None:
    if asset.is_archive:
        unpack_archive(path, folder)
        return
    name = PurePosixPath(asset.name).name
    path.replace(folder / name)


def unpack_archive(path: Path, folder: Path) -> None:
    """Unpack the source folder in an archive into `folder`, without the folder's own name.

    Only regular files are written, and only below `folder`.

    Raises
    ------
    StorageError
        If it is no archive, is too large, or has a path that leads elsewhere.
    """
    try:
        with tarfile.open(path) as archive:
            members = [each for each in archive if each.isfile()]
            if len(members) > _MOST_FILES or sum(each.size for each in members) > _MOST_BYTES:
                raise _bad("it is larger than a source may be")
            for member in members:
                _write(archive, member, folder)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise _bad(str(error)) from error


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    parts = PurePosixPath(member.name).parts
    if member.name.startswith("/") or ".." in parts or "\\" in member.name:
        raise _bad(f"{member.name!r} leads out of it")
    place = folder.joinpath(*(parts[1:] or parts))
    place.parent.mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(member)
    place.write_bytes(content.read() if content else b"")


def _script_in(folder: Path, script: str) -> str:
    """Return the path of a script below the folder: with the folder's name, or without it."""
    parts = PurePosixPath(script).parts
    for below in (parts, parts[1:]):
        if below and folder.joinpath(*below).is_file():
            return "/".join(below)
    raise _bad(f"it has no file {script}")


def _bad(cause: str) -> StorageError:
    return StorageError(
        path="the source of the service in its workspace",
        cause=cause,
        advice="Create a bundle from the files of the service, and deploy it.",
    )
