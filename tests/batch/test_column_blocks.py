"""A block of rows gives the scoring process the values that the host wrote."""

import base64
import datetime as dt
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from arrow_tables import tables
from hypothesis import given
from hypothesis import strategies as st

from modelship.batch.block_matrix import NotNumbersError
from modelship.batch.column_blocks import block_of
from modelship.batch.scorer.block_rows import BlockRows
from modelship.tables import to_plain


def _rows(table, form="columns", **options):
    block = block_of(table, form=form, **options)
    memory = bytearray(block.size_bytes)
    block.write(memory)
    return BlockRows(block.layout, memoryview(bytes(memory)))


def _json(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dt.timedelta):
        return _duration(value)
    return to_plain(value)


def _alone(row):
    """Return the list that is the only value of a row, which it then is; or the row."""
    return row[0] if len(row) == 1 and isinstance(row[0], list) else row


def _duration(value):
    text = f"{abs(value) // dt.timedelta(microseconds=1):07d}"
    fraction = f".{text[-6:]}".rstrip("0").rstrip(".")
    return f"PT{'-' if value < dt.timedelta() else ''}{text[:-6]}{fraction}S"


@given(tables(), st.data())
def test_the_records_of_any_slice_are_those_of_the_table(table, data):
    """Values of every type, nulls and NaN arrive as the JSON values of a request."""
    start = data.draw(st.integers(0, table.num_rows))
    stop = data.draw(st.integers(start, table.num_rows))
    found = _rows(table).slice(0, stop).slice(start, stop)
    expected = [{k: _json(v) for k, v in row.items()} for row in table.to_pylist()[start:stop]]
    assert found.records() == expected
    rows = [[*row.values()] for row in expected]
    assert found.lists() == [_alone(each) for each in rows]
    assert len(found) == stop - start


@given(tables())
def test_a_frame_is_that_of_pandas(table):
    """Columns of numbers, truths, texts, times and categories have the dtypes of to_pandas()."""
    kept = [name for name in table.column_names if not _is_odd(table[name].type)]
    table = table.select(kept)
    found, expected = _rows(table).frame(), table.to_pandas()
    for name in kept:
        pd.testing.assert_series_equal(found[name], expected[name], check_categorical=False)


def test_a_frame_may_be_changed():
    """Scripts do so in place; the rows stay as they are for the next call."""
    rows = _rows(pa.table({"a": [1.0, 2.0], "b": [1, 2], "c": [True, False]}))
    frame = rows.frame()
    frame.iloc[0] = [7.0, 7, False]
    assert rows.lists() == [[1.0, 1, True], [2.0, 2, False]]


def _is_odd(kind):
    is_of_texts = pa.types.is_dictionary(kind) and kind.value_type == pa.string()
    is_coded = pa.types.is_dictionary(kind) and not is_of_texts  # whose values arrive
    is_other = str(kind).startswith(("decimal", "time64", "null"))
    return is_coded or is_other or pa.types.is_nested(kind)


@given(tables(), st.sampled_from([None, "f4", "f8", "i8", "u1"]))
def test_a_matrix_holds_the_numbers_of_the_columns(table, dtype):
    """A null is NaN, and a dtype that would change a number is not taken."""
    numbers = [name for name in table.column_names if _is_number(table[name].type)]
    table = table.select(numbers)
    array = _rows(table, "matrix", dtype=dtype).array()
    assert array.shape == (table.num_rows, len(numbers))
    for at, name in enumerate(numbers):
        for found, held in zip(array[:, at].tolist(), table[name].to_pylist(), strict=True):
            expected = math.nan if held is None else held
            assert found == expected or _is_near(found, expected, array.dtype, dtype)


def _is_near(found, expected, is_dtype, wanted):
    if math.isnan(expected):
        return math.isnan(found)
    with np.errstate(over="ignore"):
        return found == float(np.array(expected, dtype="f8").astype(is_dtype))


def _is_number(kind):
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32(), 4), pa.list_(pa.float32()), pa.large_list(pa.float32())]
)
def test_a_column_of_lists_is_the_rows_of_a_matrix(kind):
    """Lists of one length are rows, and a part of a longer column is, too."""
    rows = np.arange(24, dtype="f4").reshape(6, 4)
    table = pa.table({"pixels": pa.array(rows.tolist(), kind)}).slice(1, 4)
    found = _rows(table, "matrix", dtype="f4")
    np.testing.assert_array_equal(found.slice(1, 3).array(), rows[2:4])
    assert found.slice(1, 2).lists() == [rows[2].tolist()]
    assert found.names == ["0", "1", "2", "3"]


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.list_(pa.float64(), 2)])
def test_a_list_in_the_only_column_is_a_row(kind):
    """An array in a .npy file goes to a script without a sample as rows, not as rows of a row."""
    table = pa.table({"data": pa.array([[1.0, 2.0], [3.0, 4.0]], kind)})
    assert _rows(table).lists() == [[1.0, 2.0], [3.0, 4.0]]
    assert _rows(table).records()[1] == {"data": [3.0, 4.0]}


def test_a_column_of_images_is_an_array_of_their_shape():
    """Lists in lists, and a tensor of Arrow's, keep their shape."""
    images = np.arange(12, dtype="i8").reshape(3, 2, 2)
    kind = pa.list_(pa.list_(pa.int64(), 2), 2)
    found = _rows(pa.table({"image": pa.array(images.tolist(), kind)}), "matrix")
    np.testing.assert_array_equal(found.array(), images)
    assert found.lists() == images.tolist()
    assert found.json_columns()["3"] == [3, 7, 11]


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (pa.array(["a"]), "'x' is of the type string"),
        (pa.array([[1], [1, 2]]), "lists of 1 to 2 values"),
        (pa.array([[1], None]), "a list that is null"),
        (pa.array([["a"]]), "'x' is of the type string"),
    ],
)
def test_what_is_no_matrix_is_refused(column, says):
    """The message names the column."""
    with pytest.raises(NotNumbersError, match=says):
        block_of(pa.table({"x": column}), form="matrix")


def test_two_columns_of_one_name_are_refused():
    """Their values could not be told from each other by name."""
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(ValueError, match="two columns are named 'a'"):
        block_of(table, form="columns")


@pytest.mark.parametrize("rows", [3, 2000])
def test_bytes_that_are_not_text_fail_the_rows_that_hold_them(rows):
    """A file may hold any bytes as text; the other rows are read, also where texts repeat."""
    held = pa.array([b"caf\xe9", *[b"n", "süd".encode()] * rows], pa.binary()).view(pa.string())
    found = _rows(pa.table({"zone": held}))
    assert found.slice(1, 3).records() == [{"zone": "n"}, {"zone": "süd"}]
    assert [*found.slice(1, 3).columns()["zone"]] == ["n", "süd"]
    for read in (found.records, found.columns):
        with pytest.raises(ValueError, match="'zone' holds 'caf.*is not text in UTF-8"):
            read()


def test_texts_that_repeat_are_coded():
    """The column has each text once, and is read as the same column."""
    texts = ["n", None, "süd", "west"] * 500
    table = pa.table({"zone": texts})
    found = _rows(table)
    assert [*found.columns()["zone"].texts] == ["n", "süd", "west"]
    assert found.json_columns() == {"zone": texts}
    pd.testing.assert_frame_equal(found.frame(), table.to_pandas())


def test_numbers_share_the_memory_of_the_block():
    """Neither a matrix nor a column of numbers is copied."""
    for form in ("matrix", "columns"):
        block = block_of(pa.table({"a": [1, 2, 3]}), form=form)
        memory = bytearray(block.size_bytes)
        block.write(memory)
        found = BlockRows(block.layout, memoryview(memory)).slice(1, 3)
        for values in (found.columns()["a"], found.array() if form == "matrix" else None):
            assert values is None or np.shares_memory(values, np.frombuffer(memory, "u1"))
