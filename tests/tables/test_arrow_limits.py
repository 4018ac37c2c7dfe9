"""A body of Arrow is read only as far as it is in proportion to its own length."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelship.tables import Column, Refused, Schema, Table

TEXT = Schema(form="table", columns=(Column(name="zone", kind="text", dtype="object"),))
DATE = Schema(form="table", columns=(Column(name="d", kind="date", dtype="datetime64[us]"),))
ANY = Schema(form="records")


def _stream(**columns):
    table, stream = pa.table(columns), io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue()


def _repeated(text, times):
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(times, "int8")), pa.array([text]))


@pytest.mark.parametrize(
    ("schema", "column", "says"),
    [
        (TEXT, _repeated("x" * 20000, 20000), "stands for 400000000 bytes of text; at most"),
        (TEXT, pa.nulls(10**7), "stands for 10000000 values; at most 100000"),
        (ANY, pa.array([[None] * 10**6]), "stands for 1000001 values"),
        (ANY, pa.RunEndEncodedArray.from_arrays([9], ["x"]), "the type run_end_encoded"),
        (ANY, pa.array([["x"]]).cast(pa.list_(pa.dictionary("int8", "string"))), "is not read"),
    ],
)
def test_a_few_bytes_that_stand_for_many_are_refused(schema, column, says):
    """The text says how much the body stands for, and what is read."""
    with pytest.raises(Refused, match=says):
        Table(schema).of_arrow(_stream(zone=column))


def test_categories_and_gaps_in_proportion_are_read():
    """Long categories, chunks with dictionaries of their own, and columns of nulls are common."""
    column = pa.chunked_array([_repeated("x" * 200, 900), _repeated("y", 1)])
    read = Table(TEXT).of_arrow(_stream(zone=column))["zone"].tolist()
    assert read == ["x" * 200] * 900 + ["y"]
    assert Table(TEXT).of_arrow(_stream(zone=pa.nulls(900)))["zone"].isna().all()
    nested = pa.array([[1, 2], [], None])
    assert [row["zone"] for row in Table(ANY).of_arrow(_stream(zone=nested))] == nested.to_pylist()


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2**60], pa.timestamp("s")),
        pa.array([2**30], pa.int32()).cast(pa.date32()),
        pa.array([1], pa.timestamp("s", "Nowhere/X")),
    ],
)
def test_a_date_that_python_cannot_hold_is_refused(column):
    """It is the caller's fault, and the text names the column."""
    with pytest.raises(Refused, match="The Arrow body, column 'd': a value of the type"):
        Table(DATE).of_arrow(_stream(d=column))
    good = Table(DATE).of_arrow(_stream(d=pa.array([1], pa.timestamp("s"))))
    assert good["d"].tolist() == [pd.Timestamp("1970-01-01T00:00:01")]
