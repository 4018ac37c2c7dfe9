"""Table: what a scoring script reads its requests with, and writes its answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .bodies import columns_of, rows_of
from .frames import as_array, as_frame, as_objects
from .plain import to_plain
from .schema import Schema

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Table"]


class Table:
    """Reads requests as what a model was fitted on, and writes its predictions.

    Parameters
    ----------
    schema : Schema
        The columns that the model takes.
    key : str
        The key under which a request holds its rows.
    validate : bool
        Whether a value that is not of its column's kind is refused.
    """

    def __init__(self, schema: Schema, *, key: str = "data", validate: bool = True) -> None:
        self.schema = schema
        self.key = key
        self.validate = validate

    @classmethod
    def beside(cls, script: str, **options: Any) -> Table:
        """Return a table of the ``schema.json`` that lies beside the script ``__file__``."""
        return cls(Schema.read(Path(script).with_name("schema.json")), **options)

    def read(self, raw_data: str) -> Any:
        """Return the rows of a request as the model was fitted on them.

        Returns
        -------
        DataFrame, or ndarray of shape (n, ...)
            As the schema's form says.

        Raises
        ------
        Refused
            If the request does not fit the schema.
        """
        return self.of_rows(rows_of(raw_data, key=self.key))

    def of_rows(self, rows: Any) -> Any:
        """Return rows, which are JSON values, as the model was fitted on them; see :meth:`read`."""
        schema = self.schema
        if not schema.columns:
            return as_array(rows)
        values = columns_of(rows, schema.names)
        make = as_frame if schema.is_table else as_objects
        return make(schema.columns, values, validate=self.validate)

    def answer(self, predictions: Any) -> Any:
        """Return predictions as JSON values: labels, numbers, or lists of them."""
        return to_plain(predictions)

    def answer_proba(
        self, predictions: Any, probabilities: Any, classes: Sequence[Any]
    ) -> dict[str, Any]:
        """Return predictions, and the probability of each class beside them."""
        return {
            "predictions": to_plain(predictions),
            "probabilities": to_plain(probabilities),
            "classes": to_plain(classes),
        }
