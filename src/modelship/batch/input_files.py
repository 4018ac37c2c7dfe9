"""Find the files of the input of a job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelship.batch.batch_plan import FILES, InputFile
from modelship.batch.row_files import format_of
from modelship.errors import BatchInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["input_files"]


def input_files(inputs: Sequence[str | Path], *, as_they_are: bool) -> list[InputFile]:
    """Return the files that the inputs name, in the order of their names.

    With `as_they_are`, files of any kind; else those whose rows can be read.

    Raises
    ------
    BatchInputError
        If one does not exist.
    """
    found: list[InputFile] = []
    for each in map(Path, inputs):
        if not each.exists():
            raise BatchInputError(str(each), "it does not exist")
        paths = [each] if each.is_file() else sorted(_visible(each))
        for path in paths:
            known = format_of(path.name)
            kind = FILES if as_they_are else known.name if known else ""
            if not kind:
                continue
            status = path.stat()
            name = path.name if path == each else path.relative_to(each).as_posix()
            found.append(
                InputFile(str(path.absolute()), name, kind, status.st_size, str(status.st_mtime_ns))
            )
    return found


def _visible(folder: Path) -> list[Path]:
    """Return the files below a folder, but for those that readers of datasets skip."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(("_", ".")) for part in path.relative_to(folder).parts)
    ]
