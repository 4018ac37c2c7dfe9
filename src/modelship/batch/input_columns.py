"""Define InputColumns: which columns of the input a job reads, and what for."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.tables import Column, Outputs

__all__ = ["InputColumns", "prediction_type", "type_of"]

_OF_LABELS: Final = {int: "int64", bool: "bool", float: "float64", str: "string"}
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
    values : tuple[str, ...]
        The names of the values of a row, where the one column of `script` has lists of them.
    prediction : str
        The type of the column ``prediction`` of the answers; ``""`` if not known.
    types : str
        The types of those that are read: a serialized pyarrow.Schema, in base64.
    """

    script: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    prediction: str = ""
    types: str = ""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> InputColumns:
        """Return the columns of a JSON object."""
        lists = {key: tuple(each) for key, each in document.items() if isinstance(each, list)}
        return cls(**lists, prediction=document["prediction"], types=document["types"])

    @cached_property
    def schema(self) -> Any:
        """The columns that are read, with their types: a pyarrow.Schema."""
        import pyarrow as pa

        return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(self.types)))

    @staticmethod
    def serialized(schema: Any) -> str:
        """Return a pyarrow.Schema as text."""
        return base64.b64encode(schema.serialize().to_pybytes()).decode()


def prediction_type(outputs: Outputs) -> str:
    """Return the name of the type of a model's predictions; "" if unknown."""
    if outputs.task == "regression":
        return "float64"
    kinds = {type(each) for labels in outputs.labels for each in labels}
    is_one = outputs.task == "classification" and len(kinds) == 1 and len(outputs.labels) == 1
    return _OF_LABELS.get(kinds.pop(), "") if is_one else ""


def type_of(column: Column) -> str:
    """Return the name of the type of a column of text that a schema describes; "" if unknown."""
    if column.kind == "category" and column.categories:
        kinds = {type(each) for each in column.categories}
        return _OF_LABELS[kinds.pop()] if len(kinds) == 1 else "string"
    return _TYPES.get(column.kind, "")
