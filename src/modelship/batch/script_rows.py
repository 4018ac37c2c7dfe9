"""Determine which columns of the input a bundle's script takes, and refuse files without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.mini_batch_scripts import mini_batch_function
from modelship.bundle.schemas import sample_rows
from modelship.errors import BatchInputError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from modelship.bundle import ScoringBundle

__all__ = ["CHOSEN", "ScriptRows", "require_columns", "script_rows"]

_SHOWN: Final = 5
_RESHAPE: Final = "Give an input whose rows have as many values."
CHOSEN: Final = "Name columns that all files of the input have."
_CHOOSE: Final = "Name the columns that run() takes with feature_columns= (--feature-column)."
_IN_ALL: Final = (
    "All columns of all files are given to run(). Name those that it takes, and that all files "
    "have, with feature_columns= (--feature-column)."
)


@dataclass(frozen=True)
class ScriptRows:
    """The rows that a script takes, as far as its bundle says.

    Parameters
    ----------
    names : tuple[str, ...]
        The names of their columns; empty if they have none, or any.
    width : int, optional
        How many values a row has; None if not known.
    are_numbers : bool
        Whether all values are numbers.
    are_floats : bool
        Whether they are numbers, and some are floats: then all are, in an array.
    """

    names: tuple[str, ...] = ()
    width: int | None = None
    are_numbers: bool = False
    are_floats: bool = False

    def columns(
        self, schema: pa.Schema, names: Sequence[str], *, given: Sequence[str] | None, path: str
    ) -> tuple[str, ...]:
        """Return the names of the columns that run() gets, in its order.

        Parameters
        ----------
        schema : pyarrow.Schema
            The columns of one file, with the keys of its folders.
        names : Sequence[str]
            The names of the columns of all files.
        given : Sequence[str], optional
            Those that the user has chosen.
        path : str
            The file, for errors.

        Raises
        ------
        BatchInputError
            If a column is missing, with the nearest name; or there are too many.
        """
        chosen = tuple(given if given is not None else self.names)
        lists = [each.name for each in schema if self._is_row(each.type)]
        if given is None and len(lists) == 1 and not {*chosen} & {*schema.names}:
            return tuple(lists)
        wanted = chosen or tuple(names)
        advice = CHOSEN if given is not None else "" if chosen else _IN_ALL
        require_columns(wanted, schema.names, path=path, advice=advice)
        if self.width not in (None, len(wanted)) and not lists:
            problem = f"run() takes {self.width} values, and {_given(schema, wanted)}"
            raise BatchInputError(path, problem, _CHOOSE if len(schema.names) > 1 else _RESHAPE)
        return wanted

    def require_numbers(self, schema: pa.Schema, script: Sequence[str], *, path: str) -> None:
        """Refuse columns of other types, where run() takes numbers.

        Raises
        ------
        BatchInputError
            If there is one.
        """
        for name in script if self.are_numbers else ():
            kind = _inner(schema.field(name).type)
            if str(kind) in {"string", "large_string", "binary"}:
                problem = f"run() takes numbers, and the column {name!r} has the type {kind}"
                raise BatchInputError(path, problem, _CHOOSE)

    def _is_row(self, kind: pa.DataType) -> bool:
        return bool(self.width) and getattr(kind, "list_size", None) == self.width


def script_rows(bundle: ScoringBundle) -> ScriptRows:
    """Return the rows that a bundle's script takes."""
    if mini_batch_function(bundle):
        return ScriptRows()
    schema = bundle.schema
    if schema.columns and all(schema.names):
        return ScriptRows(schema.names, len(schema.names))
    row = _sample_row(bundle)
    if isinstance(row, dict):
        return ScriptRows(() if schema.form == "records" else tuple(map(str, row)))
    if not isinstance(row, list):
        return ScriptRows(width=schema.width, are_numbers=schema.form == "array")
    is_flat = not any(isinstance(each, (list, dict)) for each in row)
    width = schema.width or (len(row) if is_flat else None)
    are_numbers = all(map(_is_number, row))
    return ScriptRows((), width, are_numbers, are_numbers and any(map(_has_float, row)))


def require_columns(
    wanted: Sequence[str], held: Sequence[str], *, path: str, advice: str = ""
) -> None:
    """Refuse a file that lacks columns; by default, with the advice to rename those it has.

    Raises
    ------
    BatchInputError
        If one is missing; with the nearest name.
    """
    known = {*held}
    missing = [each for each in wanted if each not in known]
    if not missing:
        return
    listed = ", ".join(f"{each!r}{nearest(each, held)}" for each in missing[:_SHOWN])
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    noun = "columns" if len(missing) > 1 else "column"
    raise BatchInputError(path, f"it lacks the {noun} {listed}{more}", advice or _advice(held))


def _given(schema: pa.Schema, wanted: Sequence[str]) -> str:
    if len(wanted) > 1:
        return f"there are {len(wanted)} columns"
    size = getattr(schema.field(wanted[0]).type, "list_size", None) if wanted else None
    lists = "" if size is None else f" with lists of {size} values"
    return f"there is one column{lists}" if wanted else "there is no column"


def _advice(held: Sequence[str]) -> str:
    if len(held) == 1 and ";" in held[0]:
        return 'Read values between semicolons with input_format="csv;" (--input-format "csv;").'
    return "Rename the columns of the input as in the bundle's schema."


def _sample_row(bundle: ScoringBundle) -> Any:
    """Return the first row of a bundle's sample; None if there is none."""
    _, rows = sample_rows(bundle.sample_input)
    return rows[0] if isinstance(rows, list) and rows else None


def _is_number(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_number, value))
    return value is None or isinstance(value, (int, float))


def _has_float(value: Any) -> bool:
    return any(map(_has_float, value)) if isinstance(value, list) else isinstance(value, float)


def _inner(kind: Any) -> Any:
    while hasattr(kind, "value_type"):
        kind = kind.value_type
    return kind
