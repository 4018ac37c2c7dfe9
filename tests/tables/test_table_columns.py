"""Columns in memory become what an Arrow body with the same rows becomes."""

import datetime as dt
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelship.batch.column_blocks import block_of
from modelship.batch.scorer.block_rows import BlockRows
from modelship.tables import Column, Refused, Schema, Table, schema_of_data

ZONES = ["n", "s", "w", "süd", "", None]
TIMES = ["2024-05-31", "2024-05-31T10:00:00", "2024-05-31T10:00:00+02:00", "1 days", "01/02/2020"]
MOMENTS = st.datetimes(
    dt.datetime.fromisoformat("1900-01-01"), dt.datetime.fromisoformat("2200-01-01")
)
COLUMNS = [
    *(Column("c", "integer", each) for each in ("int64", "uint8", "Int64", "float64", "")),
    *(Column("c", "number", each) for each in ("float64", "float32", "Float64", "")),
    *(Column("c", "boolean", each) for each in ("bool", "object", "boolean", "")),
    *(Column("c", "text", each) for each in ("object", "str", "string", "category", "")),
    Column("c", "text", "object", missing_as="none"),
    Column("c", "text", "category", categories=("n", "s")),
    Column("c", "category", "category", categories=("n", "s")),
    Column("c", "category", "category", categories=(1, 2), ordered=True),
    *(Column("c", "date", f"datetime64[{each}]") for each in ("ns", "us", "us, UTC")),
    *(Column("c", "date", each) for each in ("object", "category", "")),
    *(Column("c", "", each) for each in ("object", "timedelta64[ns]", "")),
]
ARROW = [
    (pa.int64(), st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 300)),
    (pa.uint8(), st.integers(0, 255)),
    (pa.float64(), st.floats(allow_nan=False)),
    (pa.float32(), st.floats(width=32, allow_nan=False)),
    (pa.bool_(), st.booleans()),
    (pa.string(), st.sampled_from(ZONES[:-1])),
    (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(ZONES[:-1])),
    *(
        (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(each))
        for each in (TIMES[:2], TIMES)
    ),
    (pa.date32(), st.dates(dt.date(1700, 1, 1), dt.date(2200, 1, 1))),
    (pa.timestamp("s"), MOMENTS.map(lambda each: each.replace(microsecond=0))),
    (pa.timestamp("us"), MOMENTS),
    (pa.timestamp("ns"), MOMENTS),
    (pa.timestamp("us", "Europe/Berlin"), MOMENTS),
    (pa.duration("us"), st.timedeltas(dt.timedelta(-90), dt.timedelta(90))),
    (pa.list_(pa.int64()), st.lists(st.integers(0, 3), max_size=2)),
    (pa.null(), st.none()),
]


def _columns(table):
    block = block_of(table, form="columns")
    memory = bytearray(block.size_bytes)
    block.write(memory)
    return BlockRows(block.layout, memoryview(bytes(memory))).columns()


def _body(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def _outcome(read, held):
    """Return what came of it, and the counts; None for a refusal."""
    try:
        return read(held)
    except Refused:
        return None


def _require_equal(found, expected):
    assert (found is None) == (expected is None)
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(found, expected)
    elif expected is not None:
        assert found.dtype == expected.dtype
        pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(expected))


@st.composite
def _cases(draw):
    column = draw(st.sampled_from(COLUMNS))
    if column.kind in {"integer", "number"} and draw(st.booleans()):
        column = replace(column, low=0.0, high=draw(st.sampled_from([1.0, 200.0])))
    column = replace(column, missing=draw(st.sampled_from([None, None, True, False])))
    kind, values = draw(st.sampled_from(ARROW))
    held = draw(st.lists(values | st.none() if draw(st.booleans()) else values, max_size=6))
    return column, pa.table({"c": pa.array(held, kind)})


@settings(max_examples=2 * settings().max_examples)  # 30; 200 in the long run
@given(_cases(), st.booleans(), st.sampled_from(["table", "table", "table", "objects", "values"]))
def test_columns_become_what_an_arrow_body_becomes(case, validate, form):
    """The rows, their dtypes, the refusals, and what is counted are the same."""
    column, held = case
    schema = Schema(form, (column,))
    ours, theirs = (Table(schema, validate=validate) for _ in range(2))
    expected = _outcome(theirs.of_arrow, _body(held))
    _require_equal(_outcome(ours.of_columns, _columns(held)), expected)
    assert ours.counts.totals == theirs.counts.totals
    assert ours.checks[0].counted() == theirs.checks[0].counted()


FRAME = pd.DataFrame({"zone": ["n", "s", None], "age": [30, 40, 50], "income": [1.5, None, 2.5]})


@pytest.mark.parametrize("form", ["array", "objects", "records", ""])
@pytest.mark.parametrize("names", [["age", "income"], ["zone", "age"], ["age"]])
def test_rows_of_every_form_are_read_as_from_an_arrow_body(form, names):
    """Also those of a model whose columns are not known."""
    held = pa.Table.from_pandas(FRAME[names], preserve_index=False)
    ours, theirs = Table(Schema(form)), Table(Schema(form))
    found = _outcome(ours.of_columns, _columns(held))
    expected = _outcome(theirs.of_arrow, _body(held))
    if form == "records":
        assert repr(found) == repr(expected)
    else:
        _require_equal(found, expected)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"zone": ["n"], "age": [1]}, "The table of rows lacks the column 'income'"),
        ({"zone": ["n"], "age": [1], "income": ["x"]}, "'income': they hold values of the kind"),
        ({"zone": ["n"], "age": [None], "income": [1.0]}, "'age': a value is missing"),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns, says):
    """The message names the column."""
    schema = schema_of_data(FRAME)
    known = tuple(replace(each, missing=each.name != "age") for each in schema.columns)
    with pytest.raises(Refused, match=says):
        Table(replace(schema, columns=known)).of_columns(columns)


def test_texts_that_repeat_are_counted_by_their_rows():
    """Each row with an unknown text counts, and the last of them is told."""
    table = Table(Schema("table", (Column("c", "text", "object", categories=("n",)),)))
    held = pa.table({"c": pa.array(["s", "n", "w", "s", None]).dictionary_encode()})
    table.of_columns(_columns(held))
    assert table.counts.totals == (3, 0)
    assert table.checks[0].counted().endswith("3 values unknown to the model, such as 's'")
