"""Define schemas, and convert request bodies to the input that a model was fitted on.

This package imports nothing else of modelship. It is copied as ``modelship_tables`` next to
generated scoring scripts, and runs where modelship is not installed, on Python 3.8 and newer.
NumPy, pandas and pyarrow are imported where they are used.
"""

from .learning import schema_of_data, schema_of_estimator
from .plain import NoPlainForm, to_plain
from .refused import Refused
from .schema import Column, Outputs, Schema, SchemaError
from .table import Table

__all__ = [
    "Column",
    "NoPlainForm",
    "Outputs",
    "Refused",
    "Schema",
    "SchemaError",
    "Table",
    "schema_of_data",
    "schema_of_estimator",
    "to_plain",
]
