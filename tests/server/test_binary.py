"""Bodies in NumPy's and Arrow's formats: what is read, what is refused, and what is written."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelship.server.arrays import BadBody, CannotWrite, typed_plan, write_arrow, write_npy

pytest.importorskip("inference_schema")
pytest.importorskip("pyarrow")

import pyarrow as pa
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema

ROWS = np.array([[1.5, -2.0], [3.0, 0.25], [5.0, 6.0]])


def plan_for(sample, **enforced):
    """Return the plan of a run() that takes one array and gives it back."""

    @input_schema("data", NumpyParameterType(sample, **enforced))
    def run(data, name="x"):
        return data

    return typed_plan(run)


PLAIN = plan_for(np.zeros((1, 2)))
WHOLE = plan_for(np.zeros((1, 2), np.int8))
ANY = plan_for(np.zeros((1, 2)), enforce_column_type=False, enforce_shape=False)


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def header(text, data=b"", version=b"\x01\x00"):
    padded = text.encode() + b"\n"
    return b"\x93NUMPY" + version + len(padded).to_bytes(2, "little") + padded + data


def stream(*batches, kind=pa.ipc.new_stream, **options):
    sink = pa.BufferOutputStream()
    with kind(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for each in batches:
            writer.write_batch(each)
    return sink.getvalue().to_pybytes()


def batch(columns):
    return pa.record_batch(list(map(pa.array, columns.values())), names=list(columns))


def columns(array):
    return pa.record_batch([pa.array(each) for each in array.T.copy()], names=["a", "b"])


@pytest.mark.parametrize(
    "sent",
    [
        ROWS,
        np.asfortranarray(ROWS),
        ROWS.astype(">f8"),
        ROWS.astype(np.float32),
        ROWS.astype(np.int16),
        ROWS > 2,
        ROWS[:1],
        ROWS[:0],
    ],
    ids=lambda each: f"{each.dtype.str}{each.shape}",
)
def test_an_npy_body_becomes_what_json_would(sent):
    """The dtype is the sample's, the order C's, and run() may write to the array."""
    arguments = PLAIN.read_npy(npy(sent))
    data = arguments["data"]
    assert arguments["name"] == "x"
    assert data.dtype == np.float64
    assert data.flags.c_contiguous
    assert data.flags.writeable
    assert np.array_equal(data, sent)


def test_an_npy_body_keeps_its_type_where_none_is_enforced():
    """Without enforcement the client says what it sends, in whatever shape."""
    for sent in (ROWS.astype(np.float32), np.arange(3, dtype=">i2"), np.zeros((1, 2, 3), bool)):
        data = ANY.read_npy(npy(sent))["data"]
        assert data.dtype == sent.dtype.newbyteorder("=")
        assert np.array_equal(data, sent)


def test_large_integers_become_floats_as_python_makes_them():
    """An integer becomes a float32 through a double, as it does in JSON."""
    plan = plan_for(np.zeros((1, 2), np.float32))
    sent = np.array([[2**62 + 2**38 + 1, 9007199791611905]])
    data = plan.read_npy(npy(sent))["data"]
    assert data.tobytes() == np.array(sent.tolist(), np.float32).tobytes()


def test_fractions_become_integers_as_in_json():
    """Fractions are cut off, and what does not fit is refused."""
    assert WHOLE.read_npy(npy(np.array([[1.9, -127.9]])))["data"].tolist() == [[1, -127]]
    for wrong in ([[1, 128]], [[1, -129.0]], [[1, np.nan]], [[1, np.inf]], [[1, 2**63]]):
        with pytest.raises(BadBody) as caught:
            WHOLE.read_npy(npy(np.array(wrong)))
        assert caught.value.status == 400


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (np.zeros(2), "2 dimensions is expected; input has 1 [shape (2,)]"),
        (np.zeros((1, 3)), "array has size 3 on dimension #1, while expected value is 2"),
        (np.zeros((1, 2, 1)), "input has 3 [shape (1, 2, 1)]"),
        (np.array(1.0), "input has 0 [shape ()]"),
        (np.array([["a", "b"]]), "is of the type <U1"),
        (np.array([[1j, 2]]), "is of the type complex128"),
        (np.zeros((1, 2), "M8[s]"), "is of the type datetime64[s]"),
        (np.zeros((1, 2), np.longdouble), "is of the type"),
        (np.zeros(1, [("a", "f8")]), "send numbers"),
    ],
)
def test_an_array_that_run_does_not_take_is_refused(sent, message):
    """The client is told in inference-schema's words what is wrong with its array."""
    with pytest.raises(BadBody) as caught:
        PLAIN.read_npy(npy(sent))
    assert caught.value.status == 400
    assert message in caught.value.message


def test_pickled_objects_are_refused():
    """An array of objects would run code of the client's."""
    with pytest.raises(BadBody, match="type object"):
        PLAIN.read_npy(npy(np.array([[1, None]]), allow_pickle=True))


GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff",
        b"[[1, 2]]",
        header(GOOD),
        header(GOOD, bytes(15)),
        header(GOOD, bytes(17)),
        header(GOOD, bytes(16), version=b"\x03\x00"),
        header(GOOD, bytes(16), version=b"\x01\x01"),
        header(GOOD.replace("(1, 2)", "(-1, -2)"), bytes(16)),
        header(GOOD.replace("(1, 2)", "(4611686018427387904, 4)")),
        header(GOOD.replace("(1, 2)", f"(0, {2**63 - 1})")),
        header(GOOD.replace("(1, 2)", f"(0, {2**70})")),
        header(GOOD.replace("(1, 2)", f"({'1, ' * 65})"), bytes(8)),
        header(GOOD.replace("(1, 2)", f"({'0, ' * 65})")),
        header(GOOD.replace("'<f8'", "'(2,)<f8'"), bytes(16)),
        header(GOOD.replace("'<f8'", "__import__('os').abort()"), bytes(16)),
        header(GOOD.replace("(1, 2)", "(1.0, 2)"), bytes(16)),
        header(GOOD.replace("'<f8'", "'|O'"), bytes(16)),
        header(GOOD.replace("'<f8'", "'<q8'"), bytes(16)),
        header(GOOD.replace("'<f8'", "[('a', '<f8', (1000000000,))]"), bytes(16)),
        header(GOOD.replace("False", "print(1)"), bytes(16)),
        header("(" * 5_000),
        header("{" + " " * 12_000),
        header("'\n  x\n y"),
    ],
)
def test_a_broken_npy_body_is_refused(body):
    """A header that lies is found out before anything is allocated."""
    with pytest.raises(BadBody) as caught:
        PLAIN.read_npy(body)
    assert caught.value.status == 400


def status_of(read, body):
    try:
        read(body)
    except BadBody as error:
        return error.status
    return 200


ARROWS = (
    stream(columns(ROWS)),
    stream(columns(ROWS), kind=pa.ipc.new_file),
    stream(batch({"x": pa.FixedSizeListArray.from_arrays(pa.array([1, None]), 2)})),
    stream(batch({"a": pa.array([1, None], pa.int8()), "b": [True, False]})),
)


@pytest.mark.filterwarnings("ignore:invalid escape")  # Python of a header's string
@given(at=st.integers(0, 200), byte=st.integers(0, 255), cut=st.integers(0, 170))
@settings(deadline=None)
def test_a_damaged_npy_body_is_read_or_refused(at, byte, cut):
    """Whatever happened to the bytes, no other exception leaves."""
    body = bytearray(npy(ROWS))
    body[at % len(body)] = byte
    assert status_of(PLAIN.read_npy, bytes(body)) in {200, 400}
    assert status_of(PLAIN.read_npy, bytes(body[:cut])) == 400


@given(
    at=st.integers(0, 2_000),
    byte=st.integers(0, 255),
    cut=st.integers(0, 2_000),
    whole=st.sampled_from(ARROWS),
)
@settings(deadline=None)
def test_a_damaged_arrow_body_is_read_or_refused(at, byte, cut, whole):
    """Whatever happened to the bytes, no other exception leaves."""
    body = bytearray(whole)
    body[at % len(body)] = byte
    assert status_of(ANY.read_arrow, bytes(body)) in {200, 400}
    assert status_of(ANY.read_arrow, bytes(body[: cut % len(body)])) in {200, 400}


def test_a_binary_body_needs_one_array_alone():
    """Where an array is not all that run() needs, the client is told to send JSON."""
    sample = NumpyParameterType(np.zeros((1, 2)))

    @input_schema("data", sample)
    @input_schema("other", sample)
    def two(data, other):
        return data

    @input_schema("data", sample)
    def more(data, name):
        return data

    for run, message in ((two, "exactly one array"), (more, "a value for 'name' too")):
        with pytest.raises(BadBody, match=message) as caught:
            typed_plan(run).read_npy(npy(ROWS))
        assert caught.value.status == 415


@pytest.mark.parametrize("kind", [pa.ipc.new_stream, pa.ipc.new_file])
def test_columns_of_an_arrow_body_become_those_of_the_array(kind):
    """Streams and files, one batch and several, are read in the order of their columns."""
    for batches in ([columns(ROWS)], [columns(ROWS[:1]), columns(ROWS[1:])]):
        data = PLAIN.read_arrow(stream(*batches, kind=kind))["data"]
        assert data.tobytes() == ROWS.tobytes()
        assert data.flags.writeable
        assert data.flags.c_contiguous


def test_arrow_columns_of_different_types_are_read():
    """Columns of integers, floats and booleans share one array; what is null becomes NaN."""
    mixed = batch({"a": pa.array([1, None], pa.int8()), "b": [True, False]})
    data = PLAIN.read_arrow(stream(mixed))["data"]
    assert np.array_equal(data, [[1, 1], [np.nan, 0]], equal_nan=True)
    same = batch({"a": [1, None], "b": [2, 3]})
    assert np.isnan(PLAIN.read_arrow(stream(same))["data"][1, 0])
    with pytest.raises(BadBody, match="NaN"):
        WHOLE.read_arrow(stream(same))


def test_an_arrow_column_of_lists_or_tensors_is_read():
    """A column whose items have a shape is an array of more dimensions."""
    flat = pa.array(np.arange(12.0))
    lists = pa.FixedSizeListArray.from_arrays(flat, 2)
    assert PLAIN.read_arrow(stream(batch({"x": lists})))["data"].shape == (6, 2)
    part = batch({"x": lists}).slice(2, 3)
    assert PLAIN.read_arrow(stream(part))["data"].tolist() == [[4, 5], [6, 7], [8, 9]]
    deep = pa.FixedSizeListArray.from_arrays(lists, 3)
    assert ANY.read_arrow(stream(batch({"x": deep})))["data"].shape == (2, 3, 2)
    tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(12.0).reshape(2, 3, 2))
    data = ANY.read_arrow(stream(batch({"x": tensor})))["data"]
    assert np.array_equal(data, np.arange(12.0).reshape(2, 3, 2))


def test_one_arrow_column_is_flat_or_not_as_the_sample_is():
    """A column alone is a 1-D array for a sample of one dimension, and a 2-D one for others."""
    body = stream(batch({"x": [1.0, 2.0]}))
    assert plan_for(np.zeros(1)).read_arrow(body)["data"].shape == (2,)
    assert plan_for(np.zeros((1, 1))).read_arrow(body)["data"].shape == (2, 1)


BOMB = batch({"a": np.zeros(1 << 16), "b": np.zeros(1 << 16)})
NO_LIST = pa.array([[1.0, 2.0], None], pa.list_(pa.float64(), 2))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"ARROW1\0\0",
        b"nothing of the kind",
        stream(columns(ROWS))[:100],
        stream(columns(ROWS))[:-40],
        stream(BOMB, compression="zstd"),
        stream(BOMB, compression="lz4"),
        stream(batch({"a": ["x"], "b": ["y"]})),
        stream(batch({"a": pa.array(["x"]).dictionary_encode(), "b": [1]})),
        stream(batch({"a": [[1.0]], "b": [[2.0]]})),
        stream(batch({"a": NO_LIST})),
        stream(batch({"a": NO_LIST[:1], "b": NO_LIST[:1]})),
        stream(batch({"a": pa.nulls(1), "b": [1]})),
        stream(batch({"a": pa.array([True, None]), "b": [1, 2]})),
        stream(batch({"a": pa.array([1, 2], pa.timestamp("s")), "b": [1, 2]})),
        stream(batch({"a": [1.0]})),
        stream(pa.record_batch([], names=[])),
    ],
)
def test_an_arrow_body_that_run_does_not_take_is_refused(body):
    """What is compressed, nested, null, text or broken is the client's error."""
    with pytest.raises(BadBody) as caught:
        PLAIN.read_arrow(body)
    assert caught.value.status == 400


def test_an_arrow_body_is_refused_without_pyarrow(monkeypatch):
    """Where pyarrow is missing, JSON and npy still work."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(BadBody, match="lacks pyarrow") as caught:
        PLAIN.read_arrow(b"")
    assert caught.value.status == 415
    with pytest.raises(CannotWrite):
        write_arrow([1])


@pytest.mark.parametrize(
    "result",
    [[1, 2], [[1.5, 2.0]], np.array([1, 2], np.int8), ["a", "bc"], 3.5, np.asfortranarray(ROWS)],
)
def test_a_result_in_npy_is_read_back_as_it_was(result):
    """What is written is what numpy.load reads, without a pickle."""
    read = np.load(io.BytesIO(write_npy(result)), allow_pickle=False)
    assert read.dtype == np.asarray(result).dtype
    assert np.array_equal(read, result)


@pytest.mark.parametrize("result", [None, {"a": 1}, [[1], [2, 3]], [None], [object()], b"a"])
def test_a_result_that_is_no_array_is_not_written(result):
    """Whatever the formats cannot hold goes back as JSON."""
    with pytest.raises(CannotWrite):
        write_npy(result)
    with pytest.raises(CannotWrite):
        write_arrow(result)


def test_a_result_in_arrow_is_read_back_as_it_was():
    """Rows become rows: of one column, of one with lists, or of one for each key."""
    for result, expected in (
        ([1, 2], {"result": [1, 2]}),
        (ROWS[:2], {"result": ROWS[:2].tolist()}),
        ({"label": ["a", "b"], "p": np.array([0.5, 1])}, {"label": ["a", "b"], "p": [0.5, 1]}),
    ):
        assert pa.ipc.open_stream(write_arrow(result)).read_all().to_pydict() == expected
    with pytest.raises(CannotWrite):
        write_arrow({"a": [1], "b": [1, 2]})
    with pytest.raises(CannotWrite):
        write_arrow(3.5)
