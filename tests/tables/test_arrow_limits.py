"""A body of Arrow is read only as far as it is in proportion to its own length."""

import decimal
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


NUMBERS = [pa.array([1], "uint8"), pa.array([1.0], "float32"), pa.array([True])]
NUMBERS += [pa.array([decimal.Decimal(1)]), pa.array([1]).dictionary_encode()]
TEXTS = [pa.array(["1"], each) for each in ("string", "large_string", pa.string_view())]
TEXTS += [pa.array(["1"]).dictionary_encode()]
DATES = [pa.array([0], each) for each in ("date32", "date64", pa.timestamp("s"))]
DATES += [pa.array(["1970-01-01"])]
NESTED = [pa.array([[1]]), pa.array([{"a": [1]}])]
OTHERS = [pa.array([b"1"]), pa.array([0], "time32[s]"), pa.array([0], "duration[s]")]


@pytest.mark.parametrize(
    ("kind", "taken", "refused"),
    [
        ("integer", NUMBERS, TEXTS + DATES + OTHERS + NESTED),
        ("number", NUMBERS, TEXTS + DATES + OTHERS + NESTED),
        ("boolean", NUMBERS[2:3], NUMBERS[:2] + NUMBERS[3:] + TEXTS + NESTED),
        ("text", TEXTS + DATES, NUMBERS + OTHERS + NESTED),
        ("date", DATES, NUMBERS + OTHERS + NESTED),
        ("", NUMBERS + TEXTS + DATES + OTHERS + NESTED, []),
    ],
)
def test_each_kind_of_a_column_takes_its_types_of_arrow(kind, taken, refused):
    """Those that the guide to tables names, and a column of nulls."""
    table = Table(Schema("table", (Column("zone", kind),)))
    for column in [*taken, pa.nulls(1)]:
        assert len(table.of_arrow(_stream(zone=column))) == 1
    for column in refused:
        with pytest.raises(Refused, match="column 'zone': it is of the type"):
            table.of_arrow(_stream(zone=column))


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[("a", 1)]], pa.map_("string", "int64")),
        pa.array([[1, 2]], pa.list_(pa.int64(), 2)),
        pa.array([[1]], pa.list_view(pa.int64())),
        pa.UnionArray.from_dense(pa.array([0], "int8"), pa.array([0], "int32"), [pa.array([1])]),
        pa.StructArray.from_arrays([pa.array(["x"]).dictionary_encode()], ["a"]),
    ],
)
def test_types_whose_size_is_not_known_are_refused_in_each_column(column):
    """Also where nothing is known of the column."""
    with pytest.raises(Refused, match=r"column 'zone': the type .* is not read"):
        Table(ANY).of_arrow(_stream(zone=column))


def test_types_may_be_nested_as_deep_as_arrow_reads():
    """What is deeper is refused, and ends no process."""
    kind, deeper = pa.int64(), pa.list_(pa.int64())
    for _ in range(60):
        kind = pa.list_(kind)
    for _ in range(500):
        deeper = pa.list_(deeper)
    assert Table(ANY).of_arrow(_stream(zone=pa.array([None], kind))) == [{"zone": None}]
    stream = io.BytesIO()
    pa.ipc.new_stream(stream, pa.schema({"zone": deeper})).close()
    with pytest.raises(Refused, match="not in Arrow's IPC format"):
        Table(ANY).of_arrow(stream.getvalue())


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
