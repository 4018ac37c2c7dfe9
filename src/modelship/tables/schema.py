"""Define Schema: the columns that a model takes, and its outputs; serialized as JSON.

Every fact may be unknown: a file does not have all of them, and a sample shows only what it holds.
Unknown facts are omitted from the JSON document; nothing is guessed.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .column import KINDS, Column, Outputs, SchemaError, require_one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    Label = str | int | float | bool

__all__ = ["FORMS", "KINDS", "Column", "OtherColumnsError", "Outputs", "Schema", "SchemaError"]

FORMS = ("table", "objects", "values", "records", "array", "")
"""A DataFrame with named columns, rows of mixed values, one text per row, dicts, or rows of
numbers; ``""`` is unknown."""

FORMAT = 1


class OtherColumnsError(SchemaError):
    """Two schemas name different columns.

    Parameters
    ----------
    lacking, unknown : Sequence[str]
        The columns that only the completed schema has, and those that only the other one has.
    """

    def __init__(self, lacking: Sequence[str], unknown: Sequence[str]) -> None:
        told = (("lacks the columns", lacking), ("has the unknown columns", unknown))
        clauses = [f"{what} {', '.join(map(repr, names))}" for what, names in told if names]
        super().__init__(f"the sample {' and '.join(clauses)}")
        self.lacking, self.unknown = tuple(lacking), tuple(unknown)


@dataclass(frozen=True)
class Schema:
    """The input columns of a model, and its outputs.

    Attributes
    ----------
    form : str
        What the model was fitted on: ``"table"``, a DataFrame with named columns; ``"objects"``,
        rows of mixed values without names; ``"values"``, one value a row, such as a Series of
        texts; ``"records"``, a dict a row, as for DictVectorizer; ``"array"``, rows of numbers;
        ``""`` if not known.
    columns : tuple[Column, ...]
        The columns in the model's order; empty if not known.
    width : int, optional
        The number of columns in a row; None if not known.
    outputs : Outputs
        The outputs of the model.
    groups : tuple[tuple[str or int or float or bool, ...], ...]
        The categories of columns whose names are not in the model's file, in the order of these
        columns; empty once the columns are known.

    Raises
    ------
    SchemaError
        If the form or a kind is not a known one, or two columns have the same name.
    """

    form: str = ""
    columns: tuple[Column, ...] = ()
    width: int | None = None
    outputs: Outputs = field(default_factory=Outputs)
    groups: tuple[tuple[Label, ...], ...] = ()

    def __post_init__(self) -> None:
        require_one_of(self.form, FORMS, what="the form")
        names = Counter(name for name in self.names if name)
        if twice := sorted(name for name, count in names.items() if count > 1):
            raise SchemaError(f"two columns are named {twice[0]!r}")
        if self.columns and self.width is None:
            object.__setattr__(self, "width", len(self.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in the model's order."""
        return tuple(column.name for column in self.columns)

    @property
    def is_table(self) -> bool:
        """Whether the model was fitted on a DataFrame with named columns."""
        return self.form == "table"

    @property
    def takes_pandas(self) -> bool:
        """Whether the model was fitted on a DataFrame, or on a Series."""
        is_series = self.form == "values" and any(column.dtype for column in self.columns)
        return self.is_table or is_series

    def completed_by(self, other: Schema) -> Schema:
        """Return this schema, with unknown facts filled in from `other`; known ones are kept.

        Raises
        ------
        SchemaError
            If both have named columns, and the names differ.
        """
        if self.form == "records":  # its keys are not columns: each row has its own
            columns, form = self.columns, self.form
        elif not self.columns:
            columns, form = other.columns, self._form_with(other)
        else:
            columns, form = self._columns_with(other), self.form or other.form
        width = other.width if self.width is None else self.width
        columns, groups = _with_groups(columns, self.groups or other.groups)
        return Schema(form, columns, width, self.outputs.completed_by(other.outputs), groups)

    def _form_with(self, other: Schema) -> str:
        """Return the form if only `other` has columns: numbers may come in a table too."""
        if self.form != "array" or not other.is_table:
            return self.form or other.form
        if self.width is not None:
            _require_width(expected=self.width, found=other.width)
        return "table"

    def _columns_with(self, other: Schema) -> tuple[Column, ...]:
        if not other.columns:
            return self.columns
        if all(self.names) and all(other.names):
            if self.names == tuple(name.replace(" ", "_") for name in other.names):
                # LightGBM replaces spaces in names this way, and matches columns by position.
                return tuple(
                    replace(mine.completed_by(theirs), name=theirs.name)
                    for mine, theirs in zip(self.columns, other.columns)
                )
            _require_names(expected=self.names, found=other.names)
            known = {column.name: column for column in other.columns}
            return tuple(column.completed_by(known[column.name]) for column in self.columns)
        _require_width(expected=len(self.columns), found=len(other.columns))
        return tuple(mine.completed_by(theirs) for mine, theirs in zip(self.columns, other.columns))

    def to_json(self) -> str:
        """Return the schema as JSON text; equal schemas have equal texts."""
        document = {"modelship_schema": FORMAT, **_document(self)}
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """Read the output of :meth:`to_json`.

        Raises
        ------
        SchemaError
            If it is not a schema.
        """
        try:
            document = json.loads(text)
            if document.pop("modelship_schema") != FORMAT:
                raise SchemaError(f"its format is not {FORMAT}")
            return _schema(document)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if isinstance(error, SchemaError):
                raise
            raise SchemaError(f"it is not a schema: {type(error).__name__}: {error}") from None

    @classmethod
    def read(cls, path: str | Path) -> Schema:
        """Read a file with the output of :meth:`to_json`.

        Raises
        ------
        SchemaError
            If it is not a schema.
        OSError
            If it cannot be read.
        """
        content = Path(path).read_bytes()
        try:
            text = content.decode(json.detect_encoding(content))
        except UnicodeDecodeError:
            raise SchemaError("it is not UTF-8 text") from None
        return cls.from_json(text)


def _with_groups(
    columns: tuple[Column, ...], groups: tuple[tuple[Label, ...], ...]
) -> tuple[tuple[Column, ...], tuple[tuple[Label, ...], ...]]:
    """Return the columns with their categories, and no groups, if the columns are certain.

    A booster takes no texts except categories, so columns of texts are categorical.
    """
    places = [at for at, column in enumerate(columns) if _is_of_categories(column)]
    matched = dict(zip(places, groups))
    fits = all(_holds_only(columns[at], values) for at, values in matched.items())
    if not groups or len(places) != len(groups) or not fits:
        return columns, groups
    found = list(columns)
    for at, values in matched.items():
        found[at] = replace(columns[at], kind="category", dtype="category", categories=values)
    return tuple(found), ()


def _holds_only(column: Column, values: tuple[Label, ...]) -> bool:
    return column.example in (None, *values) and set(column.categories) <= set(values)


def _is_of_categories(column: Column) -> bool:
    return column.dtype == "category" or column.kind in {"text", "category", "mixed"}


def _require_width(*, expected: int | None, found: int | None) -> None:
    if expected != found:
        raise SchemaError(f"the model takes {expected} columns, and the sample has {found}")


def _require_names(*, expected: tuple[str, ...], found: tuple[str, ...]) -> None:
    known, given = set(expected), set(found)
    lacking = [name for name in expected if name not in given]
    unknown = [name for name in found if name not in known]
    if lacking or unknown:
        raise OtherColumnsError(lacking, unknown)


def _document(value: Any) -> dict[str, Any]:
    """Return the fields of a value that differ from their defaults for unknown."""
    default = type(value)()
    found: dict[str, Any] = {}
    for each in fields(value):
        held = getattr(value, each.name)
        if held != getattr(default, each.name):
            found[each.name] = _plain(held)
    return found


def _plain(held: Any) -> Any:
    if isinstance(held, tuple):
        return [_plain(each) for each in held]
    return _document(held) if isinstance(held, (Column, Outputs)) else held


def _schema(document: dict[str, Any]) -> Schema:
    outputs = document.pop("outputs", {})
    labels = tuple(tuple(each) for each in outputs.pop("labels", ()))
    names = tuple(outputs.pop("names", ()))
    columns = tuple(_column(each) for each in document.pop("columns", ()))
    groups = tuple(tuple(each) for each in document.pop("groups", ()))
    made = Outputs(labels=labels, names=names, **outputs)
    return Schema(columns=columns, outputs=made, groups=groups, **document)


def _column(document: dict[str, Any]) -> Column:
    return Column(categories=tuple(document.pop("categories", ())), **document)
