"""Find the files of the input of a job, with their formats, partitions and names of output."""

from __future__ import annotations

import os
from collections import Counter
from glob import has_magic
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from modelship.batch.batch_plan import FILES, InputFile
from modelship.batch.file_places import files_at, is_remote, size_and_stamp
from modelship.batch.mltables import TableSource, table_sources
from modelship.batch.row_files import format_of, formats, stem_of
from modelship.batch.store_systems import one_place
from modelship.batch.url_secrets import require_no_secret
from modelship.errors import BatchInputError, InvalidOptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modelship.batch.file_places import FoundFile

__all__ = ["input_files", "require_format"]

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def input_files(
    inputs: Sequence[str | Path], *, output: str | Path, input_format: str = ""
) -> tuple[InputFile, ...]:
    """Return the files of the input, in the order of what was named.

    Parameters
    ----------
    inputs : Sequence[str or Path]
        Files, folders and patterns.
    output : str or Path
        The folder of the output.
    input_format : str
        The name of the format of all files; ``""`` for that of each name; ``"files"`` for files
        that are scored as they are.

    Raises
    ------
    BatchInputError
        If a file is missing, is named twice, has an unknown format, or is in the output.
    InvalidOptionError
        If the format is unknown, or a URL has credentials.
    """
    if input_format:
        require_format("input_format", input_format, (*formats(), FILES))
    sources = _sources(inputs, input_format)
    for path, _ in sources:
        require_no_secret("inputs", path)
        _require_apart(path, output)
    placed = [(file, kind) for path, kind in sources for file in files_at(path)]
    found = [file for file, _ in placed]
    if not found:
        raise BatchInputError(str(inputs[0]) if inputs else "nothing", "it has no file")
    _require_different(found)
    _require_inside(found)
    if input_format == FILES:
        _require_printable(found)
    named = zip(placed, _stems(found), strict=True)
    return tuple(_input_file(file, stem, kind) for (file, kind), stem in named)


def _sources(inputs: Sequence[str | Path], input_format: str) -> list[TableSource]:
    """Return the paths that inputs stand for, each with the format of its files."""
    if input_format == FILES:
        return [TableSource(str(each), FILES) for each in inputs]
    found = [source for each in inputs for source in table_sources(str(each))]
    return [TableSource(path, input_format or kind) for path, kind in found]


def require_format(option: str, name: str, known: Sequence[str]) -> None:
    """Refuse the name of a format that is not known.

    Raises
    ------
    InvalidOptionError
        If there is none of this name.
    """
    if name not in known:
        expected = f"one of: {', '.join(known)}{nearest(name, known)}"
        raise InvalidOptionError(option, name, expected)


def _require_different(files: Sequence[FoundFile]) -> None:
    """Refuse a file that is there twice, also through a link."""
    places = Counter(_real(each.path) for each in files)
    twice = next((each.path for each in files if places[_real(each.path)] > 1), None)
    if twice is not None:
        raise BatchInputError(twice, "it is named twice, and its rows would be scored twice")


def _require_printable(files: Sequence[FoundFile]) -> None:
    """Refuse names of files that a script cannot be given as text."""
    for each in files:
        shown = each.path.encode(errors="replace").decode()
        if shown != each.path:
            raise BatchInputError(shown, "its name is not UTF-8", "Rename it.")


def _require_inside(files: Sequence[FoundFile]) -> None:
    """Refuse names that lead out of the folder of the output, as keys of object stores may."""
    for each in files:
        if ".." in PurePosixPath(each.name).parts:
            raise BatchInputError(
                each.path,
                f"its output would have the name {each.name}, outside of the output folder",
                "Name files without '..' after the folder or the first wildcard.",
            )


def _real(path: str) -> str:
    return path if is_remote(path) else os.path.realpath(path)


def _require_apart(given: str | Path, output: str | Path) -> None:
    """Refuse an input in the output, and an output among what is read."""
    one, other = _place(given), _place(output)
    is_searched = Path(given).is_dir() or "**" in str(given)
    if is_remote(given):
        is_searched = "*" in str(given) or not has_magic(str(given))
    if one == other or other in one.parents or (is_searched and one in other.parents):
        raise BatchInputError(
            str(given),
            f"the output folder {output} and it hold each other",
            "Name an output folder outside of the input, and not above it.",
        )


def _place(path: str | Path) -> PurePosixPath:
    """Return a path to compare; that of a pattern is the folder in which it begins."""
    text = one_place(str(path)) if is_remote(path) else str(Path(path).resolve())
    parts = PurePosixPath(text).parts
    fixed = next((at for at, each in enumerate(parts) if has_magic(each)), len(parts))
    return PurePosixPath(*parts[:fixed])


def _input_file(file: FoundFile, stem: str, input_format: str) -> InputFile:
    kind = input_format or getattr(format_of(file.name), "name", "")
    if not kind:
        known = ", ".join(each for kind in formats().values() for each in kind.suffixes)
        raise BatchInputError(
            file.path,
            f"its format is unknown, and its name ends with none of: {known}",
            "Name the format of all files with input_format= (--input-format), or select files "
            "with a pattern.",
        )
    try:
        size, stamp = size_and_stamp(file.path)
    except OSError as error:
        raise BatchInputError(file.path, (error.strerror or str(error)).lower()) from error
    return InputFile(file.path, file.name, kind, size, stamp, stem, _partition(file.name))


def _partition(name: str) -> tuple[tuple[str, str | None], ...]:
    """Return the keys and values of a file's folders, such as ``region=EU``."""
    pairs = (each.partition("=") for each in PurePosixPath(name).parts[:-1])
    return tuple(
        (unquote(key), None if value == _NO_VALUE else unquote(value))
        for key, sign, value in pairs
        if sign and key
    )


def _stems(files: Sequence[FoundFile]) -> list[str]:
    """Return the names of the files without suffixes; with more of their path until all differ."""
    stems = [_visible(stem_of(each.name)) for each in files]
    if not _repeated(stems):
        return stems
    stems = [
        _visible(each.name) if stem in _repeated(stems) else stem
        for each, stem in zip(files, stems, strict=True)
    ]
    places = [_parts(each.path) for each in files]
    depth = 0
    while repeated := _repeated(stems):
        depth += 1
        stems = [
            f"{_above(parts, len(PurePosixPath(file.name).parts) + depth, at)}/{stem}"
            if stem in repeated
            else stem
            for at, (stem, parts, file) in enumerate(zip(stems, places, files, strict=True))
        ]
    return stems


def _parts(path: str) -> tuple[str, ...]:
    place = path.partition("://")[2] if is_remote(path) else os.path.normpath(path)
    return PurePosixPath(place).parts


def _above(parts: Sequence[str], depth: int, number: int) -> str:
    """Return the folder so far above a file; the number of the file if there is none."""
    if depth > len(parts):
        return str(number)
    return _visible(parts[-depth].strip("/")) or "root"


def _visible(name: str) -> str:
    """Return a name without the marks by which readers of folders skip a file or a folder."""
    return "/".join(each.lstrip("_.") or ("hidden" if each else "") for each in name.split("/"))


def _repeated(stems: Iterable[str]) -> set[str]:
    return {each for each, count in Counter(stems).items() if count > 1}
