"""Rows come back from every format as they were written, however they are cut."""

import datetime as dt
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelship.batch.row_files import formats

TEXT = st.one_of(st.none(), st.text('a0,;|\t"\n\r é{}\\', max_size=6))
NUMBER = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.just(0.0))
COLUMNS = {
    "text": (pa.string(), TEXT),
    "number, of\n floats": (pa.float64(), NUMBER),
    "integer": (pa.int64(), st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))),
    "boolean": (pa.bool_(), st.one_of(st.none(), st.booleans())),
}
NESTED = {
    "list": (pa.list_(pa.int64()), st.one_of(st.none(), st.lists(st.integers(0, 9), max_size=2))),
    "struct": (pa.struct([("x", pa.string())]), st.fixed_dictionaries({"x": TEXT})),
}
FLAT = ["csv", "tsv", "csv;", "csv|", "jsonl", "parquet"]


def tables(columns):
    """Return a strategy of tables with these columns."""
    schema = pa.schema([(name, kind) for name, (kind, _) in columns.items()])
    row = st.fixed_dictionaries({name: values for name, (_, values) in columns.items()})
    return st.lists(row, max_size=8).map(lambda rows: pa.Table.from_pylist(rows, schema=schema))


def written(name, table):
    """Return a file with a table."""
    file = io.BytesIO()
    formats()[name].write(table, file)
    return file


def pieces_of(name, file, *, schema, piece_bytes, keep_text=False):
    """Return the pieces of a file, each with its cut."""
    kind = formats()[name]
    cuts = kind.cuts(file, piece_bytes=piece_bytes)
    return [(cut, kind.read(file, cut, schema, keep_text=keep_text)) for cut in cuts]


def joined(pieces, schema):
    """Return the rows of pieces."""
    return pa.concat_tables([schema.empty_table(), *(each.table for _, each in pieces)])


@pytest.mark.parametrize("name", FLAT)
@settings(max_examples=settings().max_examples // 3, deadline=None)
@given(tables(COLUMNS), st.integers(1, 60))
def test_pieces_are_the_rows(name, table, piece_bytes):
    """A table that is written, cut into pieces and read is the same."""
    pieces = pieces_of(name, written(name, table), schema=table.schema, piece_bytes=piece_bytes)
    assert joined(pieces, table.schema).to_pylist() == table.to_pylist()
    assert [(cut.first_row, cut.rows) for cut, _ in pieces] == [
        (sum(cut.rows for cut, _ in pieces[:at]), rows.table.num_rows)
        for at, (_, rows) in enumerate(pieces)
    ]


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
@settings(max_examples=settings().max_examples // 3, deadline=None)
@given(tables(COLUMNS | NESTED), st.integers(1, 200))
def test_nested_pieces_are_the_rows(name, table, piece_bytes):
    """Lists and structs come back as they were."""
    file = written(name, table)
    pieces = pieces_of(name, file, schema=table.schema, piece_bytes=piece_bytes)
    assert joined(pieces, table.schema).to_pylist() == table.to_pylist()


@pytest.mark.parametrize("name", ["csv", "tsv", "jsonl"])
@settings(max_examples=settings().max_examples // 3, deadline=None)
@given(tables(COLUMNS), st.integers(1, 60))
def test_kept_texts_are_the_rows_with_their_answers(name, table, piece_bytes):
    """Rows that are written as they were read have the same values, and their answers."""
    file = written(name, table)
    read = pa.schema([table.schema.field("boolean")])
    pieces = pieces_of(name, file, schema=read, piece_bytes=piece_bytes, keep_text=True)
    schema = table.schema.append(pa.field("answer", pa.int64()))
    found = []
    for cut, rows in pieces:
        out = io.BytesIO()
        rows.texts.write(pa.table({"answer": range(cut.rows)}), out)
        found += joined(pieces_of(name, out, schema=schema, piece_bytes=99), schema).to_pylist()
    answers = [at for cut, _ in pieces for at in range(cut.rows)]
    expected = table.to_pylist()
    assert found == [{**row, "answer": at} for row, at in zip(expected, answers, strict=True)]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1", "", "-20"], pa.int64()),
        (["007"], pa.string()),
        (["+5"], pa.string()),
        (["1", "2.50"], pa.float64()),
        (["nan", "1e5", "-0"], pa.float64()),
        (["12345678901234567890"], pa.string()),
        (["0.12345678901234567890"], pa.string()),
        (["true", "False"], pa.bool_()),
        (["true", "0"], pa.string()),
        (["2020-01-01"], pa.string()),
        (["0x1F"], pa.string()),
        ([" 1"], pa.string()),
        (["9007199254740993", "0.5"], pa.string()),
        ([""], pa.null()),
    ],
)
@pytest.mark.parametrize("times", [1, 2000])
def test_types_change_no_value(texts, expected, times):
    """A column is of a type only if each value is written in its way, however late one is."""
    held = [*texts[:1] * times, *texts]
    file = io.BytesIO(b"x,y\n" + "".join(f"{each},\n" for each in held).encode())
    [cut] = formats()["csv"].cuts(file, piece_bytes=10**6)
    assert formats()["csv"].types(file, cut, ["x"]).field("x").type == expected


def test_rows_that_cannot_be_read_are_refused_with_their_position():
    """The other rows are read, whatever the pieces are."""
    text = b'\xef\xbb\xbfx,y\r\n1,a\r\n\r\n2\r\n3,"b\r\nc"\r\nfour,d\r\n5,\xff\r\n NA ,'
    schema = pa.schema([("x", pa.float64()), ("y", pa.string())])
    for piece_bytes in (1, 1000):
        pieces = pieces_of("csv", io.BytesIO(text), schema=schema, piece_bytes=piece_bytes)
        refused = {cut.first_row + e.row: e.reason for cut, rows in pieces for e in rows.refused}
        assert list(refused) == [1, 3, 4]
        assert "it has 1 values" in refused[1]
        assert "'four' of the column 'x'" in refused[3]
        assert joined(pieces, schema).column("x").to_pylist() == [1.0, 3.0, None]


def test_positions_do_not_depend_on_the_size_of_the_piece():
    """A row that is refused has its position also where a piece is read in several blocks."""
    rows = [f"{at},{'x' * 100}" for at in range(30_000)]
    rows[25_000] = "1"
    rows[29_999] = f"{'y' * 2_000_000},z"
    schema = pa.schema([("x", pa.int64())])
    file = io.BytesIO("\n".join(["x,y", *rows]).encode())
    [(_, found)] = pieces_of("csv", file, schema=schema, piece_bytes=1 << 40)
    assert [each.row for each in found.refused] == [25_000, 29_999]


def test_lines_that_are_no_objects_are_refused():
    """A line of JSON lines that is broken, or of another type, is a failed row."""
    text = b'{"x": 1}\n\n[2]\n{"x": "3"}\n{"x":\n{"y": 5}'
    schema = pa.schema([("x", pa.int64())])
    for piece_bytes in (1, 1000):
        pieces = pieces_of("jsonl", io.BytesIO(text), schema=schema, piece_bytes=piece_bytes)
        assert [c.first_row + e.row for c, rows in pieces for e in rows.refused] == [1, 2, 3]
        assert joined(pieces, schema).column("x").to_pylist() == [1, None]


def test_a_large_row_group_is_read_in_slices(tmp_path):
    """Slices of one row group are its rows, in order or not."""
    table = pa.table({"x": np.arange(20_000), "y": [str(n) for n in range(20_000)]})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=15_000)
    kind = formats()["parquet"]
    with (tmp_path / "rows.parquet").open("rb") as file:
        cuts = kind.cuts(file, piece_bytes=20_000)
        assert len(cuts) > 5
        for order in (cuts, cuts[::-1]):
            read = [kind.read(file, cut, table.schema).table for cut in order]
            assert all(
                rows.column("x").to_pylist() == list(range(cut.start, cut.stop))
                for cut, rows in zip(order, read, strict=True)
            )


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24).reshape(4, 3, 2),
        np.asfortranarray(np.arange(24.0).reshape(4, 3, 2)),
        np.arange(5, dtype=">f4"),
        np.array(["a", "bcd"]),
        np.array([True, False]),
        np.array(["2020-01-01"], "datetime64[s]"),
    ],
)
@pytest.mark.parametrize("piece_bytes", [1, 1000])
def test_arrays_come_back(array, piece_bytes):
    """An array that is cut into rows is the same after it is written with its answers."""
    file = io.BytesIO()
    np.save(file, array)
    schema = formats()["npy"].schema(file)
    rows = joined(pieces_of("npy", file, schema=schema, piece_bytes=piece_bytes), schema)
    out = written("npz", rows.append_column("prediction", [range(len(array))]))
    out.seek(0)
    assert (np.load(out)["data"] == array).all()
    schema = formats()["npz"].schema(out)
    rows = joined(pieces_of("npz", out, schema=schema, piece_bytes=piece_bytes), schema)
    assert rows.column("prediction").to_pylist() == list(range(len(array)))


@pytest.mark.parametrize("values", [[[1], [1, 2]], [None, [1, 2]], ["a", None]])
def test_a_column_without_a_form_in_numpy_is_named(values):
    """The lists of an array have one length, and NumPy's own error names no column."""
    with pytest.raises(ValueError, match="the column 'found' has no form in numpy; name another"):
        written("npz", pa.table({"found": values}))


@pytest.mark.parametrize("kind", ["null", "int64", "string", "bool", "double"])
def test_a_column_without_values_is_nan_in_numpy(kind):
    """The values of one piece may all be missing, while those of others are not."""
    out = written("npz", pa.table({"found": pa.nulls(2, pa.type_for_alias(kind))}))
    out.seek(0)
    np.testing.assert_array_equal(np.load(out)["found"], [np.nan, np.nan])


def test_integers_next_to_a_missing_one_are_floats_in_numpy_if_none_is_rounded():
    """An array of numbers has NaN only among floats."""
    out = written("npz", pa.table({"found": [2**53, None]}))
    out.seek(0)
    np.testing.assert_array_equal(np.load(out)["found"], [2.0**53, np.nan])
    with pytest.raises(ValueError, match="'found' has integers beyond 2.53 next to missing ones"):
        written("npz", pa.table({"found": [2**53 + 1, None]}))


def test_pickled_arrays_are_refused():
    """An array of objects is never loaded."""
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(ValueError, match="could run code"):
        formats()["npy"].schema(file)


def test_floats_stay_floats_in_text():
    """A whole number of a float column is written with a point, a date in the form of ISO."""
    table = pa.table({"x": [1.0, -2.0, 1e22], "day": [dt.date(2020, 1, 2)] * 3})
    assert written("csv", table).getvalue().splitlines()[1:] == [
        b"1.0,2020-01-02",
        b"-2.0,2020-01-02",
        b"1e+22,2020-01-02",
    ]
