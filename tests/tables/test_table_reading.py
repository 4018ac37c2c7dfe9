"""A table reads a request as what the model was fitted on, and refuses what does not fit."""

import base64
import datetime as dt
import io
import json
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelship.tables import Column, Refused, Schema, Table, schema_of_data, to_plain

FRAME = pd.DataFrame(
    {
        "zone": ["n", "s", "w"],
        "age": [30, 40, 50],
        "income": [1.5, np.nan, 2.5],
        "since": pd.to_datetime(["2024-01-01", "2024-05-31T10:00", None], format="ISO8601"),
    }
)
NAMES = [*FRAME.columns]
RECORDS = to_plain(FRAME)
ROWS = [[*record.values()] for record in RECORDS]


def _table(data, **options):
    return Table(schema_of_data(data), **options)


def _bodies():
    split = {"columns": NAMES[::-1], "data": [row[::-1] for row in ROWS]}
    columns = {name: [record[name] for record in RECORDS] for name in NAMES}
    yield from ({"data": RECORDS}, {"data": ROWS}, RECORDS, ROWS, {"dataframe_records": RECORDS})
    yield from ({"dataframe_split": split}, {"instances": RECORDS}, {"instances": ROWS})
    yield from ({"inputs": columns}, {"inputs": RECORDS}, columns, split, {"data": columns})
    yield {"data": [dict(reversed(record.items())) for record in RECORDS]}
    yield {"data": [{"Unnamed: 0": 7, **record} for record in RECORDS]}


@pytest.mark.parametrize("body", [*_bodies()])
def test_every_form_of_a_body_is_read_as_the_same_table(body):
    """Columns are matched by name, whatever their order; lists have the model's."""
    pd.testing.assert_frame_equal(_table(FRAME).read(json.dumps(body)), FRAME)


def test_one_row_may_be_sent_as_its_object_alone():
    """An object of just the columns is a row; so is one under the key of the sample."""
    for body in (RECORDS[0], {"rows": RECORDS[0]}, {"rows": [RECORDS[0]]}):
        read = _table(FRAME, key="rows").read("\ufeff" + json.dumps(body))
        pd.testing.assert_frame_equal(read, FRAME.head(1))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{", "not JSON"),
        ("3", r'The body is a number; {"data": \[...\]}'),
        ('{"rows": []}', "has the key 'rows'"),
        ('{"data": "n"}', "The rows are a text; a list of rows"),
        ('{"data": [3]}', "Row 0 is a number; an object or a list"),
        ('{"data": [["n", 1]]}', "Row 0 has 2 values; 4 are expected; the columns are zone, age"),
        (
            '{"data": [{"zone": "n", "Age": 3, "income": 1, "since": null}]}',
            "'age' and has the unknown column 'Age'",
        ),
        ('{"data": [["n", 30, "x", null]]}', "Row 0, column 'income': 'x' is given; a number"),
        (
            '{"data": [["n", 30, 1, null], [7, 30, 1, null]]}',
            "Row 1, column 'zone': 7 is given; a text is expected, such as 'n'",
        ),
        ('{"data": [["n", [1], 1, null]]}', "column 'age': \\[1\\] is given"),
        ('{"data": [["n", 30, 1, 1717113600]]}', "column 'since': 1717113600 .* ISO 8601"),
        ('{"data": [["n", 30, 1, "soon"]]}', "Row 0, column 'since': 'soon' is given"),
        (
            '{"inputs": {"zone": ["n"], "age": [1, 2], "income": [1], "since": [null]}}',
            "different lengths",
        ),
    ],
)
def test_a_request_that_does_not_fit_is_refused_in_words(body, says):
    """The message names the row and the column, what is given and what is expected."""
    with pytest.raises(Refused, match=says):
        _table(FRAME).read(body)


@pytest.mark.parametrize(
    ("names", "bodies"),
    [
        (
            ["columns", "data"],
            [
                {"dataframe_split": {"columns": ["data", "columns"], "data": [[2, 1], [4, 3]]}},
                {"columns": ["data", "columns"], "data": [[2, 1], [4, 3]]},
                {"columns": [1, 3], "data": [2, 4]},
                {"inputs": {"columns": [1, 3], "data": [2, 4]}},
                {"data": [{"columns": 1, "data": 2}, {"columns": 3, "data": 4}]},
            ],
        ),
        *(
            (
                [name],
                [
                    {"dataframe_split": {"columns": [name], "data": [[1], [3]]}},
                    {"inputs": {name: [1, 3]}},
                    {"instances": [{name: 1}, {name: 3}]},
                    {"data": {name: [1, 3]}},
                    {name: [1, 3]},
                ],
            )
            for name in ("dataframe_split", "inputs", "data", "instances")
        ),
    ],
)
def test_columns_named_as_the_keys_of_a_body_are_read(names, bodies):
    """Lists and objects are no values of a column, so that it is plain what is meant."""
    frame = pd.DataFrame([[1, 2], [3, 4]], columns=["columns", "data"])
    frame = frame if len(names) > 1 else frame[["columns"]].set_axis(names, axis=1)
    for body in bodies:
        pd.testing.assert_frame_equal(_table(frame).read(json.dumps(body)), frame)


def test_validation_can_be_turned_off():
    """The values then go to the model as they are."""
    read = _table(FRAME, validate=False).read('{"data": [[7, 30, 1, null]]}')
    assert [str(zone) for zone in read["zone"]] == ["7"]


ZONED = pd.to_datetime(["2024-03-31T00:30", "2024-03-31T12:00"]).tz_localize("Europe/Berlin")
OBJECTS = {
    name: pd.Series(each, dtype="object")
    for name, each in {
        "none": ["x", None],
        "nan": ["x", np.nan],
        "true": [True, np.nan],
        "false": [None, False],
        "nothing": [None, None],
        "mixed": [1, "x"],
        "dates": [dt.date(2024, 5, 31), dt.date(2025, 1, 1)],
    }.items()
}
DTYPES = {
    "gaps in integers": pd.DataFrame({"a": [1, np.nan]}),
    "nullable": pd.DataFrame(
        {
            "a": pd.array([1, None], "Int64"),
            "b": pd.array([True, None], "boolean"),
            "c": pd.array(["x", None], "string"),
        }
    ),
    "narrow": pd.DataFrame({"a": np.array([1, 2], "float32"), "b": np.array([1, 255], "uint8")}),
    "texts": pd.DataFrame({"a": pd.Series(["x", None])}),
    "categories": pd.DataFrame(
        {"a": pd.Categorical(["x", None], ["y", "x"], ordered=True), "b": pd.Categorical([3, 1])}
    ),
    "zones": pd.DataFrame({"a": ZONED}),
    "seconds": pd.DataFrame({"a": pd.to_datetime(["2024-03-31", None]).astype("datetime64[s]")}),
    "objects": pd.DataFrame(OBJECTS),
    "durations": pd.DataFrame({"a": pd.to_timedelta(["1s", "2D"])}),
    "truth values": pd.DataFrame({"a": [True, False]}),
    "nothing": pd.DataFrame({"a": [np.nan, np.nan]}),
    "names": pd.DataFrame([[1, "ß", 3, 4.5]] * 2, columns=["data", "columns", "a b.c", "größe"]),
    "pyarrow's": pd.DataFrame(
        {"a": pd.array([1, None], "int64[pyarrow]"), "b": pd.array(["x", None], "string[pyarrow]")}
    ),
    "one block": pd.DataFrame({"a": [1.5, np.nan], "b": [2.0, 3.0]}),
}


@pytest.mark.parametrize("frame", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("rows", [2, 1, 0])
def test_a_frame_comes_back_with_its_dtypes(frame, rows):
    """What the sample was is read, in each of the dtypes that a model can be fitted on."""
    sent = frame.head(rows)
    read = _table(frame).read(json.dumps({"data": to_plain(sent)}))
    pd.testing.assert_frame_equal(read, sent, check_freq=False)


_CELLS = {
    "float64": st.floats(allow_infinity=False, width=64),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "str": st.text(max_size=5),
    "datetime64[us]": st.datetimes(pd.Timestamp(1900, 1, 1), pd.Timestamp(2100, 1, 1)),
}


@st.composite
def _frames(draw):
    names = draw(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=4, unique=True))
    rows = draw(st.integers(1, 4))
    dtypes = [draw(st.sampled_from([*_CELLS])) for _ in names]
    return pd.DataFrame(
        {
            name: pd.Series(
                draw(st.lists(_CELLS[dtype], min_size=rows, max_size=rows)), dtype=dtype
            )
            for name, dtype in zip(names, dtypes, strict=True)
        }
    )


@settings(max_examples=40)
@given(_frames())
def test_any_frame_comes_back(frame):
    """From a frame to plain values, to JSON, and back: nothing is lost."""
    body = json.dumps({"data": to_plain(frame)})
    pd.testing.assert_frame_equal(_table(frame).read(body), frame)


def test_rows_of_mixed_kinds_stay_what_they_are():
    """A number beside a text is a number in an array of objects, with a sample and without."""
    rows = [[3, "a"], [1, None]]
    body = json.dumps({"data": rows})
    for table in (_table(np.array(rows, dtype=object)), _table(rows), Table(Schema())):
        read = table.read(body)
        assert (read.dtype, read.shape, type(read[0, 0])) == (object, (2, 2), int)
    assert read[1, 1] != read[1, 1]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [([[1, 2]], [[1, 2]]), ([[1, None]], [[1, np.nan]]), ([[1, 2.5]], [[1, 2.5]]), ([5], [5])],
)
def test_rows_of_numbers_alone_are_an_array_of_numbers(rows, expected):
    """Of a model that tells nothing, numbers are read as numbers, and null as NaN."""
    read = Table(Schema()).read(json.dumps({"data": rows}))
    assert read.dtype.kind in "if"
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["b", "a"], "index": [0, 1], "data": [[1, 2], [3, None]]}},
        {"dataframe_records": [{"b": 1, "a": 2}, {"a": None, "b": 3}]},
        {"instances": [[1, 2], [3, None]]},
        {"inputs": {"b": [1, 3], "a": [2, None]}},
        {"inputs": {"rows": [[1, 2], [3, None]]}},
        {"arrow": "of a file"},
    ],
)
@pytest.mark.parametrize("columns", [(), (Column(kind="number"), Column(kind="number"))])
def test_every_form_of_a_body_is_read_as_the_same_array(body, columns):
    """A model without names takes the columns in the order in which the body has them."""
    if "arrow" in body:
        stream = _stream(pd.DataFrame({"b": [1, 3], "a": [2, None]}))
        body = {"arrow": base64.b64encode(stream).decode()}
    read = Table(Schema("array", columns, 2)).read(json.dumps(body))
    np.testing.assert_array_equal(read, [[1.0, 2.0], [3.0, np.nan]])


def test_records_for_a_model_that_tells_nothing_are_a_frame():
    """There is nothing else that they could be."""
    read = Table(Schema()).read(json.dumps(RECORDS))
    assert read.columns.tolist() == NAMES


def test_texts_are_a_series_of_what_the_model_was_fitted_on():
    """A model of texts takes one text a row, in whichever form."""
    texts = pd.Series(["a text", "another"], name="text")
    for body in (["a text", "another"], [["a text"], ["another"]], [{"text": t} for t in texts]):
        read = _table(texts).read(json.dumps({"data": body}))
        pd.testing.assert_series_equal(read, texts)
    assert _table([*texts]).read('["x", "y"]').tolist() == ["x", "y"]
    with pytest.raises(Refused, match="Row 1, column 0: null is given"):
        Table(Schema("values", (Column(kind="text", missing=False),))).read('["x", null]')
    with pytest.raises(Refused, match="A list with one value for each row"):
        _table(texts).read('{"data": "a text"}')


def test_rows_with_keys_of_their_own_stay_dicts():
    """A model that begins with DictVectorizer takes them, whatever keys a row has."""
    table, rows = Table(Schema("records")), [{"a": 1}, {"b": "x", "a": None}]
    assert table.read(json.dumps({"data": rows})) == rows
    assert table.of_arrow(_stream(pd.DataFrame([{"a": 1}]))) == [{"a": 1}]
    with pytest.raises(Refused, match="Row 1 is a list; an object is expected"):
        table.read('[{"a": 1}, [2]]')


def test_what_the_model_has_not_seen_is_counted_and_not_refused(caplog):
    """Also where the sample alone tells the categories, it reaches the model as it is."""
    frame = pd.DataFrame({"zone": pd.Categorical(["n", "s"]), "age": [30, 40]})
    table = _table(frame)
    read = table.read('{"data": [["x", 90], ["n", 35]]}')
    assert (read["zone"].tolist(), read["zone"].dtype) == (
        ["x", "n"],
        pd.CategoricalDtype(["n", "s", "x"]),
    )
    assert (table.counts.has_new, table.counts.take()) == (True, (1, 1))
    table.read('{"data": [["x", null], ["s", 5]]}')
    assert (table.counts.take(), table.counts.totals) == ((1, 1), (2, 2))
    [line] = caplog.messages  # in a minute
    assert line == (
        "Counted in 2 rows, and not refused: column 'zone': 1 value unknown to the model, such as "
        "'x'; column 'age': 1 number outside the sample's 30 to 40."
    )


def test_an_unknown_category_is_missing_to_a_model_of_categories():
    """A booster has codes for those that it knows; another code would be one of another value."""
    of_model = Schema("table", (Column("zone", "category", categories=("n", "s")),))
    sample = pd.DataFrame({"zone": pd.Categorical(["n", "s"])})
    table = Table(of_model.completed_by(schema_of_data(sample)))
    assert table.read('[["x"], ["n"]]')["zone"].isna().tolist() == [True, False]
    assert table.counts.totals == (1, 0)


def test_an_unknown_category_is_kept_for_an_encoder():
    """Of a column whose categories an encoder knows, unknown values stay what they are."""
    sample = schema_of_data(pd.DataFrame({"zone": pd.Categorical(["n", "s"])}))
    encoded = Schema("table", (Column("zone", kind="text", categories=("n", "s")),))
    read = Table(encoded.completed_by(sample)).read('[["x"], ["n"], [null], ["x"]]')
    expected = pd.Categorical(["x", "n", None, "x"], categories=["n", "s", "x"])
    pd.testing.assert_frame_equal(read, pd.DataFrame({"zone": expected}))


@pytest.mark.parametrize(
    ("dtype", "values", "wider"),
    [
        ("uint8", [300, -1], "int64"),
        ("int8", [300, -1], "int64"),
        ("int64", [2**64 - 1, 1], "uint64"),
        ("int64", [2**64 - 1, -1], "float64"),
        ("uint8", [255, 0], "uint8"),
        ("Int8", [300, 1], "Int64"),
    ],
)
def test_integers_out_of_a_dtypes_range_are_read_as_wider_ones(dtype, values, wider):
    """No number wraps around, and none is refused: in JSON as in Arrow."""
    table = _table(pd.DataFrame({"a": pd.array([1, 2], dtype)}))
    sent = pd.DataFrame({"a": np.array(values, dtype=wider.lower())}).astype(wider)
    read = table.read(json.dumps({"a": values}))
    pd.testing.assert_frame_equal(read, sent)
    pd.testing.assert_frame_equal(table.of_arrow(_stream(sent)), sent)


@pytest.mark.parametrize(
    ("said", "rows", "says"),
    [
        (
            "Input X contains NaN.",
            '[["n", null]]',
            "Row 0, column 'age': the model does not take a missing",
        ),
        (
            "Input X contains infinity or a value too large",
            '[["n", 1], ["n", Infinity]]',
            "Row 1, column 'age': .* infinite",
        ),
        ("Found array with 0 sample(s)", "[]", "has no rows"),
        (
            "Found unknown categories ['n'] in column 0 during transform",
            '[["n", 3]]',
            "unknown categories",
        ),
    ],
)
def test_what_the_estimator_refuses_in_a_request_is_the_callers(said, rows, says):
    """It is a refusal if what the error speaks of is in the rows."""
    table = _table(pd.DataFrame({"zone": ["n"], "age": [1.5]}))

    def predict(_):
        raise ValueError(said)

    with pytest.raises(Refused, match=says):
        table.ask(predict, table.read(rows))


def test_a_category_that_the_model_refuses_is_named():
    """The schema knows which column it is in, and what the model knows there."""
    columns = (Column("zone", "text", categories=("n", "s")), Column("age", "number"))

    def predict(_):
        raise ValueError("Found unknown categories ['x'] in column 0 during transform")

    table = Table(Schema("table", columns))
    says = "Row 1, column 'zone': 'x' is given; the model knows 'n', 's'"
    with pytest.raises(Refused, match=says):
        table.ask(predict, table.read('[["n", 1], ["x", 2]]'))


def test_a_split_body_of_columns_without_names_is_read_by_place():
    """Such columns have numbers for names, in pandas and in MLflow."""
    table = _table(np.array([[1, "x"]], dtype=object))
    body = {"dataframe_split": {"columns": [0, 1], "data": [[3, "y"]]}}
    assert table.read(json.dumps(body)).tolist() == [[3, "y"]]


def test_a_nan_that_a_step_made_is_not_the_callers():
    """No row has one, so the error stays what it is."""
    table = _table(pd.DataFrame({"age": [1.5]}))

    def predict(_):
        raise ValueError("Input X contains NaN.")

    with pytest.raises(ValueError, match="contains NaN") as caught:
        table.ask(predict, table.read("[[1]]"))
    assert not isinstance(caught.value, Refused)


def _stream(frame, **options):
    sink = io.BytesIO()
    table = pa.Table.from_pandas(frame)
    with pa.ipc.new_stream(sink, table.schema, **options) as stream:
        stream.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize("frame", DTYPES.values(), ids=DTYPES)
def test_a_frame_comes_back_from_arrow(frame):
    """Arrow's columns are read by name, in a body of their own and in base64."""
    frame = frame.drop(columns="mixed", errors="ignore")  # Arrow has no such columns
    stream = _stream(frame[frame.columns[::-1]])
    table = _table(frame)
    pd.testing.assert_frame_equal(table.of_arrow(stream), frame, check_freq=False)
    body = json.dumps({"arrow": base64.b64encode(stream).decode()})
    pd.testing.assert_frame_equal(table.read(body), frame, check_freq=False)


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (b"", "not in Arrow's IPC format"),
        (_stream(FRAME)[:200], "not in Arrow's IPC format"),
        (_stream(FRAME, options=pa.ipc.IpcWriteOptions(compression="zstd")), "compressed"),
        (
            _stream(
                pd.DataFrame({"a": pd.Categorical(["x"])}),
                options=pa.ipc.IpcWriteOptions(compression="lz4"),
            ),
            "compressed",
        ),
        (_stream(FRAME.rename(columns={"age": "Age"})), "lacks the column 'age'"),
        (_stream(FRAME.assign(age="x")), "column 'age': it is of the type .*string; .*'integer'"),
    ],
)
def test_arrow_that_does_not_fit_is_refused_in_words(stream, says):
    """The message names the column, its type and what is expected."""
    with pytest.raises(Refused, match=says):
        _table(FRAME).of_arrow(stream)


@pytest.mark.parametrize("is_known", [True, False])
def test_periods_in_arrow_are_read_whether_or_not_their_type_is_known(is_known):
    """The type is known only where pandas has written one; else they are numbers."""
    periods = pd.period_range("2016-09", periods=2, freq="M").insert(1, pd.NaT)
    frame = pd.DataFrame({"month": periods})
    body, type_ = _stream(frame), pa.Table.from_pandas(frame).schema.field("month").type
    if not is_known:
        pa.unregister_extension_type(type_.extension_name)
    try:
        pd.testing.assert_frame_equal(_table(frame).of_arrow(body), frame)
    finally:
        if not is_known:
            pa.register_extension_type(type_)


def test_numbers_in_arrow_for_periods_are_shown_as_json_has_them():
    """The type of NumPy is none of the caller's."""
    table = _table(pd.DataFrame({"month": pd.period_range("2016-09", periods=2, freq="M")}))
    with pytest.raises(Refused, match=r"^Row 0, column 'month': 560 is given; the text of"):
        table.of_arrow(_stream(pd.DataFrame({"month": [560]})))


def test_arrow_without_pyarrow_is_an_unsupported_type(monkeypatch):
    """The status is 415, as for a type that nobody reads."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Refused, match="lacks pyarrow") as caught:
        _table(FRAME).of_arrow(b"")
    assert caught.value.status == 415


def test_arrow_and_arrays_of_numbers_are_rows_in_the_models_order():
    """Of columns without names the place counts."""
    numbers = pd.DataFrame({"a": [1.5, np.nan], "b": [1.0, 2.0]})
    stream = _stream(numbers)
    np.testing.assert_array_equal(Table(Schema()).of_arrow(stream), numbers.to_numpy())
    pd.testing.assert_frame_equal(_table(numbers).of_array(numbers.to_numpy()), numbers)
    objects = _table(np.array([[1, "x"]], dtype=object))
    assert objects.of_arrow(_stream(pd.DataFrame({"n": [3], "t": ["y"]}))).tolist() == [[3, "y"]]
    with pytest.raises(Refused, match="2 columns; 1 are expected"):
        _table(pd.Series(["x"])).of_arrow(stream)
