"""Define InputColumns: which columns of the input a job reads, and what for."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import BatchInputError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.bundle import ScoringBundle
    from modelship.tables import Column

__all__ = ["InputColumns", "require_columns", "script_columns", "type_of"]

_SHOWN: Final = 5
_TYPES: Final = {
    "integer": "int64",
    "number": "float64",
    "boolean": "bool",
    "text": "string",
    "date": "string",
}


@dataclass(frozen=True)
class InputColumns:
    """The columns of a job's input.

    Parameters
    ----------
    script : tuple[str, ...]
        Those that run() takes, in its order.
    kept : tuple[str, ...]
        Those that the output has, too.
    names : tuple[str, ...]
        All, in the order of the first file that has each; the folders' keys are among them.
    keys : tuple[str, ...]
        Those that are in the names of folders, not in files.
    types : str
        The types of those that are read: a serialized pyarrow.Schema, in base64.
    """

    script: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    types: str = ""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> InputColumns:
        """Return the columns of a JSON object."""
        lists = {key: tuple(each) for key, each in document.items() if isinstance(each, list)}
        return cls(**lists, types=document["types"])

    @property
    def schema(self) -> Any:
        """The columns that are read, with their types: a pyarrow.Schema."""
        import pyarrow as pa

        return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(self.types)))

    @staticmethod
    def serialized(schema: Any) -> str:
        """Return a pyarrow.Schema as text."""
        return base64.b64encode(schema.serialize().to_pybytes()).decode()


def script_columns(
    bundle: ScoringBundle,
    held: Sequence[str],
    names: Sequence[str],
    *,
    given: Sequence[str] | None,
    path: str,
) -> tuple[str, ...]:
    """Return the names of the columns that a bundle's script takes, in its order.

    Parameters
    ----------
    bundle : ScoringBundle
        The bundle.
    held : Sequence[str]
        The names of the columns of one file.
    names : Sequence[str]
        Those of all files.
    given : Sequence[str], optional
        Those that the user has chosen.
    path : str
        The file, for errors.

    Raises
    ------
    BatchInputError
        If a column is missing; with the nearest name.
    """
    known = [each.name for each in bundle.schema.columns]
    wanted = tuple(given if given is not None else known if all(known) else ()) or tuple(names)
    require_columns(wanted, held, path=path)
    return wanted


def require_columns(wanted: Sequence[str], held: Sequence[str], *, path: str) -> None:
    """Refuse a file that lacks columns.

    Raises
    ------
    BatchInputError
        If one is missing; with the nearest name.
    """
    missing = [each for each in wanted if each not in set(held)]
    if not missing:
        return
    listed = ", ".join(f"{each!r}{nearest(each, held)}" for each in missing[:_SHOWN])
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    noun = "columns" if len(missing) > 1 else "column"
    raise BatchInputError(path, f"it lacks the {noun} {listed}{more}", _advice(held))


def _advice(held: Sequence[str]) -> str:
    if len(held) == 1 and ";" in held[0]:
        return 'Read values that are separated by semicolons with the input_format "csv;".'
    return "Rename the columns of the input as in the bundle's schema."


def type_of(column: Column) -> str:
    """Return the name of the type of a column of text that a schema describes; "" if unknown."""
    if column.kind == "category" and column.categories:
        kinds = {type(each) for each in column.categories}
        of_one = {int: "int64", bool: "bool", float: "float64"}
        return of_one.get(kinds.pop(), "string") if len(kinds) == 1 else "string"
    return _TYPES.get(column.kind, "")
