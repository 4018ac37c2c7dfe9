"""Define the schema of one column, and of the outputs."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    Label = str | int | float | bool

__all__ = ["KINDS", "Column", "Outputs", "SchemaError", "require_one_of"]

KINDS = ("integer", "number", "boolean", "text", "date", "category", "mixed", "")
"""The kind of a column's values; ``""`` is unknown.

The model itself encodes the values of a column of the kind ``"category"``: to the model, a value
outside of its categories is missing.
"""

_Known = TypeVar("_Known", "Column", "Outputs")


class SchemaError(ValueError):
    """A schema is malformed, or two of them contradict each other; the text is a clause."""


@dataclass(frozen=True)
class Column:
    """One column of a model's input.

    Attributes
    ----------
    name : str
        Its name; ``""`` in rows without names.
    kind : str
        One of :data:`KINDS`.
    dtype : str
        The pandas or NumPy name of the dtype that the model was fitted on, such as ``"int64"``,
        ``"object"``, ``"str"``, ``"datetime64[us]"`` or ``"category"``; ``""`` if not known. It is
        ``"category"`` if the kind is, and the categories are given.
    categories : tuple[str or int or float or bool, ...]
        The values that the model knows, in its order; empty if not known.
    ordered : bool
        Whether the categories are ordered, as in a pandas dtype.
    missing : bool, optional
        Whether a value may be missing; None if not known.
    missing_as : str
        The marker for a missing value in a column of texts: ``"nan"`` or ``"none"``.
    low, high : float, optional
        The minimum and maximum of the sample, inclusive.
    example : str or int or float or bool, optional
        A value of the sample.
    """

    name: str = ""
    kind: str = ""
    dtype: str = ""
    categories: tuple[Label, ...] = ()
    ordered: bool = False
    missing: bool | None = None
    missing_as: str = "nan"
    low: float | None = None
    high: float | None = None
    example: Label | None = None

    def __post_init__(self) -> None:
        require_one_of(self.kind, KINDS, what=f"the kind of column {self.name!r}")
        if self.kind == "category" and self.categories and not self.dtype:
            object.__setattr__(self, "dtype", "category")

    def completed_by(self, other: Column) -> Column:
        """Return this column, with unknown fields filled in from `other`.

        A model that takes numbers also takes what can be converted to them: booleans, or texts. A
        sample shows which of these it is given. If an encoder knows the values of categories, the
        kind remains that of the values.
        """
        completed = _completed(self, other)
        is_known = other.dtype == "category" and self.categories
        if self.kind == "number" and other.kind not in {"", "integer"} and not is_known:
            return replace(completed, kind=other.kind)
        return completed


@dataclass(frozen=True)
class Outputs:
    """The answer of a model for each row.

    Attributes
    ----------
    task : str
        ``"classification"``, ``"regression"``, or ``""`` if not known.
    names : tuple[str, ...]
        The names of several outputs; empty if there is one, or they are unnamed.
    labels : tuple[tuple[str or int or float or bool, ...], ...]
        The classes of each output, in the model's order; empty if not known.
    probabilities : bool, optional
        Whether the model has ``predict_proba``; None if not known.
    """

    task: str = ""
    names: tuple[str, ...] = ()
    labels: tuple[tuple[Label, ...], ...] = ()
    probabilities: bool | None = None

    def completed_by(self, other: Outputs) -> Outputs:
        """Return these outputs, with unknown fields filled in from `other`."""
        return _completed(self, other)


def require_one_of(found: object, known: tuple[str, ...], *, what: str) -> None:
    """Raise SchemaError unless `found` is one of the known values."""
    if found not in known:
        names = ", ".join(filter(None, known))
        raise SchemaError(f"{what} is {found!r}, and one of these is expected: {names}")


def _completed(mine: _Known, other: _Known) -> _Known:
    """Return `mine`, with each field that only `other` has."""
    default = type(mine)()
    given = {
        each.name: getattr(other, each.name)
        for each in fields(mine)
        if getattr(mine, each.name) == getattr(default, each.name)
    }
    return replace(mine, **given)
