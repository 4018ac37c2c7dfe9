"""Read MLTable files of Azure ML: which files are a table, and how they are read.

Only what has the same meaning for the readers of batch jobs is accepted; all else is refused by its
name. The rules are those of "CLI (v2) MLtable YAML schema" of Azure's documentation.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelship.batch.file_places import is_remote
from modelship.batch.yaml_documents import mapping_in
from modelship.errors import BatchInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["TableSource", "table_sources"]

_NAME: Final = "MLTable"
_KEYS: Final = {"$schema", "type", "paths", "transformations"}
_PATHS: Final = ("file", "folder", "pattern")
_DELIMITERS: Final = {",": "csv", "\t": "tsv", ";": "csv;", "|": "csv|"}
_ENCODINGS: Final = ("utf8", "utf-8", "ascii")
_HEADER: Final = "all_files_same_headers"
# The values of options that the readers of batch jobs have, too; the usual one first.
_DELIMITED: Final[Mapping[str, tuple[Any, ...]]] = {
    "delimiter": tuple(_DELIMITERS),
    "header": (_HEADER,),
    "encoding": _ENCODINGS,
    "empty_as_string": (False,),
    "infer_column_types": (True,),
    "include_path_column": (False,),
    "support_multi_line": (False, True),
}
_JSON_LINES: Final[Mapping[str, tuple[Any, ...]]] = {
    "encoding": _ENCODINGS,
    "invalid_lines": ("error",),
    "include_path_column": (False,),
}
_READERS: Final[Mapping[str, Mapping[str, tuple[Any, ...]]]] = {
    "read_delimited": _DELIMITED,
    "read_parquet": {"include_path_column": (False,)},
    "read_json_lines": _JSON_LINES,
}
_FORMATS: Final = {"read_parquet": "parquet", "read_json_lines": "jsonl"}


class TableSource(NamedTuple):
    """A path of an input, and the format of its files; ``""`` for that of each name."""

    path: str
    format: str


def table_sources(given: str) -> list[TableSource]:
    """Return what a path of an input stands for: itself, or the paths of an MLTable.

    Parameters
    ----------
    given : str
        A file, a folder or a pattern. A folder with a file ``MLTable``, and such a file, are read.

    Raises
    ------
    BatchInputError
        If an MLTable has something that is not read in the same way here.
    """
    place = Path(given)
    if not is_remote(given) and place.is_dir() and (place / _NAME).is_file():
        place /= _NAME
    if is_remote(given) or place.name != _NAME or not place.is_file():
        return [TableSource(given, "")]
    try:
        document = mapping_in(place)
        _require_known("key", document, _KEYS)
        kind = _format_of(document)
        return [TableSource(each, kind) for each in _paths(document, place.parent)]
    except (ValueError, TypeError, AttributeError) as error:
        advice = "Write the table as files that batch jobs read, and name these."
        raise BatchInputError(str(place), str(error), advice) from error


def _paths(document: Mapping[str, Any], folder: Path) -> Iterator[str]:
    for each in document.get("paths") or ():
        [(key, path)] = each.items()
        if key not in _PATHS:
            raise ValueError(f"its path {key!r} is not one of: {', '.join(_PATHS)}")
        yield path if is_remote(path) else str(folder / path)


def _format_of(document: Mapping[str, Any]) -> str:
    """Return the format that the transformations read."""
    steps = [_step(each) for each in document.get("transformations") or ()]
    _require_known("transformation", dict(steps), set(_READERS))
    if len(steps) != 1:
        raise ValueError(f"it has {len(steps)} transformations that read files, not one")
    [(name, options)] = steps
    _require_known(f"option of {name}", options, set(_READERS[name]))
    for key, found in options.items():
        expected = _READERS[name][key]
        if found not in expected:
            listed = " or ".join(map(repr, expected))
            raise ValueError(f"{key} of {name} is {found!r}, and only {listed} is read here")
    return _FORMATS.get(name) or _DELIMITERS[options.get("delimiter", ",")]


def _step(each: Any) -> tuple[str, Mapping[str, Any]]:
    """Return the name of a transformation, and its options."""
    if isinstance(each, str):
        return each, {}
    [(name, options)] = each.items()
    return str(name), options or {} if not isinstance(options, (list, str)) else {}


def _require_known(what: str, found: Mapping[str, Any], known: set[str]) -> None:
    other = next((each for each in found if each not in known), None)
    if other is not None:
        raise ValueError(
            f"its {what} {other!r} is not read here; expected {', '.join(sorted(known))}"
        )
