"""The short way from a body to arrays gives what the long way gives, or stands aside."""

from __future__ import annotations

import inspect
import json
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelship.server.arrays import CannotMerge, CannotSplit, FallBack, merge, split, typed_plan

pytest.importorskip("simdjson")
pytest.importorskip("inference_schema")

from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

SAMPLES = {
    "float64": NumpyParameterType(np.zeros((1, 2))),
    "float32": NumpyParameterType(np.zeros((1, 2), np.float32)),
    "float16": NumpyParameterType(np.zeros((1, 2), np.float16)),
    "swapped": NumpyParameterType(np.zeros((1, 2), ">f8")),
    "int64": NumpyParameterType(np.zeros((1, 2), np.int64)),
    "int8": NumpyParameterType(np.zeros((1, 2), np.int8)),
    "uint64": NumpyParameterType(np.zeros((1, 2), np.uint64)),
    "uint8": NumpyParameterType(np.zeros((1, 2), np.uint8)),
    "flat": NumpyParameterType(np.zeros(3)),
    "deep": NumpyParameterType(np.zeros((1, 2, 2))),
    "any shape": NumpyParameterType(np.zeros(1), enforce_shape=False),
    "any type": NumpyParameterType(np.zeros((1, 2)), enforce_column_type=False),
    "anything": NumpyParameterType(
        np.zeros((1, 2)), enforce_column_type=False, enforce_shape=False
    ),
}


def declared(kind, **options):
    """Return a run() that takes one array and gives it back."""

    @input_schema("data", kind, **options)
    def run(data):
        return data

    return run


RUNS = {name: declared(kind) for name, kind in SAMPLES.items()}


def long_way(run, body):
    """Return what azmlinfsrv's parser and inference-schema give to run(), by name."""
    values = json.loads(body)
    parameters = inspect.signature(run).parameters.values()
    return run(**{each.name: values.get(each.name, each.default) for each in parameters})


def same(one, other):
    """Return whether two arguments are equal bit for bit."""
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    return type(one) is type(other) and repr(one) == repr(other)


def agrees(run, body):
    """Return whether the short way was taken; assert that it then gave what the long way gives."""
    plan = typed_plan(run)
    try:
        arguments = plan.read_json(body)
    except FallBack:
        return False
    short = plan.call(**arguments)
    assert same(short, long_way(run, body)), body
    return True


NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(0, 1).map(repr),
    st.integers(-300, 300).map(str),
    st.integers(-(2**64) - 2, 2**64 + 2).map(str),
    st.from_regex(r"-?(0|[1-9]\d{0,30})(\.\d{1,40})?([eE][+-]?\d{1,3})?", fullmatch=True),
    st.sampled_from(["-0", "-0.0", "1e400", "-1e400", "5e-324", "2e-324", "1e-400", "0e99999"]),
    st.sampled_from(["9007199254740993", "65519.99", "65520", "3.4028235677973366e38", "1e39"]),
)
ODD = st.sampled_from(
    ["true", "null", "NaN", "Infinity", '"1"', "{}", "[]", "[1]", "[1, 2]", "01", "1.", "+1", ""]
)
SOME = st.integers(1, 3)


def listed(items, sizes=SOME):
    return sizes.flatmap(
        lambda n: st.lists(items, min_size=n, max_size=n).map(lambda each: f"[{', '.join(each)}]")
    )


REGULAR = st.one_of(
    listed(NUMBERS),
    SOME.flatmap(lambda n: listed(listed(NUMBERS, st.just(n)))),
    listed(listed(listed(NUMBERS, st.just(2)), st.just(2))),
)
IRREGULAR = st.recursive(
    NUMBERS | ODD, lambda inner: st.lists(inner, max_size=3).map(lambda x: f"[{','.join(x)}]")
)
KEYS = st.sampled_from(['"data"', '"d\\u0061ta"', '"other"', '"\\ud83d"', '""', '"\\u0000"'])
SPACE = st.sampled_from(["", " ", "\n\t\r "])


given_a_regular_array = given(data=st.data(), name=st.sampled_from(sorted(RUNS)))
given_an_odd_body = given(
    pairs=st.lists(st.tuples(KEYS, REGULAR | IRREGULAR), max_size=3),
    name=st.sampled_from(sorted(RUNS)),
    space=SPACE,
    end=st.sampled_from(["", "]", "}", "{", "\x00", " 1"]),
)
few = settings(max_examples=40, deadline=None)
many = settings(max_examples=2000, deadline=None)


def agrees_on_a_regular_array(data, name):
    agrees(RUNS[name], f'{{"data": {data.draw(REGULAR)}}}'.encode())


def agrees_on_an_odd_body(pairs, name, space, end):
    inside = f"{space},{space}".join(f"{key}{space}:{space}{value}" for key, value in pairs)
    agrees(RUNS[name], f"{space}{{{inside}}}{end}".encode())


@given_a_regular_array
@few
def test_a_regular_array_is_the_same_bit_for_bit(data, name):
    """Whatever the numbers, dtype and shape: the same array, or none."""
    agrees_on_a_regular_array(data, name)


@pytest.mark.long
@given_a_regular_array
@many
def test_each_of_many_regular_arrays_is_the_same_bit_for_bit(data, name):
    """Whatever the numbers, dtype and shape: the same array, or none."""
    agrees_on_a_regular_array(data, name)


@given_an_odd_body
@few
def test_an_odd_body_is_the_same_or_left_to_the_long_way(pairs, name, space, end):
    """Double keys, other keys, ragged lists and what is not JSON never give another array."""
    agrees_on_an_odd_body(pairs, name, space, end)


@pytest.mark.long
@given_an_odd_body
@many
def test_each_of_many_odd_bodies_is_the_same_or_left_to_the_long_way(pairs, name, space, end):
    """Double keys, other keys, ragged lists and what is not JSON never give another array."""
    agrees_on_an_odd_body(pairs, name, space, end)


@given(
    rows=st.lists(
        st.lists(
            st.floats(width=64, allow_nan=False, allow_infinity=False), min_size=2, max_size=2
        ),
        min_size=1,
    )
)
@settings(deadline=None)
def test_plain_floats_take_the_short_way(rows):
    """What a client's json.dumps writes is read without a list."""
    assert agrees(RUNS["float64"], json.dumps({"data": rows}).encode())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("float64", "[[1, 2.5]]"),
        ("float64", "[[9007199254740993, 18446744073709551615]]"),
        ("float32", "[[0.1, 16777217]]"),
        ("int64", "[[1, -9223372036854775808]]"),
        ("uint64", "[[1, 18446744073709551615]]"),
        ("int8", "[[-128, 127]]"),
        ("flat", "[1, 2]"),
        ("deep", "[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]"),
        ("any shape", "[[[[1]]]]"),
        ("anything", "[[1, 2, 3]]"),
        ("anything", "[0, 0, 1.5, 18446744073709551615]"),
        ("swapped", "[[1.5, 2]]"),
    ],
)
def test_these_take_the_short_way(name, text):
    """The ordinary cases of each declaration are not left to the long way."""
    assert agrees(RUNS[name], f'{{"data": {text}}}'.encode())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("float64", "[[1, 2], [3]]"),
        ("float64", "[[[1], [2]]]"),
        ("float64", "[[[1, 2], []]]"),
        ("float64", "[[1, 2, 3]]"),
        ("float64", "[1, 2]"),
        ("float64", "[]"),
        ("float64", "[[1, 1e400]]"),
        ("float64", "[[1, NaN]]"),
        ("float64", "[[1, null]]"),
        ("float64", "[[1, true]]"),
        ("float64", '[[1, "2"]]'),
        ("float64", "[[1, 18446744073709551616]]"),
        ("float64", "null"),
        ("float32", "[[1, 1e39]]"),
        ("int64", "[[1, 2.0]]"),
        ("int8", "[[1, 128]]"),
        ("uint8", "[[1, -1]]"),
        ("anything", "[1, 18446744073709551615]"),
        ("anything", "[[], []]"),
        ("anything", "[" * 40 + "1" + "]" * 40),
    ],
)
def test_these_are_left_to_the_long_way(name, text):
    """Where the answers could differ, the short way stands aside."""
    assert not agrees(RUNS[name], f'{{"data": {text}}}'.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": [[1, 2]], "data": [[3, 4]]}',
        b'{"data": [[1, 2]], "d\\u0061ta": [[3, 4]]}',
        b'{"data": [[1, 2]], "x": 1, "x": 2}',
        b'{"data": [[1, 2]], "x": {"y": 1}}',
        b'{"data": [[1, 2]], "x": ' + b'{"y":' * 1010 + b"1" + b"}" * 1010 + b"}",
        b'\xef\xbb\xbf{"data": [[1, 2]]}',
        '{"data": [[1, 2]]}'.encode("utf-16"),
        b'{"data": [[1, 2]], "x": "\xff"}',
        b'{"data": [[1, 2]], "x": "\\ud800"}',
        b'{"data": [[1, 2]]} x',
        b'{"data": [[1, 2]]',
        b"",
        b"{}",
        b"[[1, 2]]",
    ],
)
def test_these_bodies_are_left_to_the_long_way(body):
    """Double keys, odd encodings and what is not JSON are for the reference to judge."""
    assert not agrees(RUNS["float64"], body)


def test_other_keys_with_scalars_are_passed_over():
    """The reference ignores what run() does not take."""
    assert agrees(RUNS["float64"], b'{"id": "a", "data": [[1, 2]], "n": null, "m": 1.5}')


def test_an_array_outlives_the_next_body():
    """A parser that is used again does not write into arrays that it gave away."""
    plan = typed_plan(RUNS["float64"])
    first = plan.read_json(b'{"data": [[1, 2]]}')["data"]
    first += 0.5
    plan.read_json(b'{"data": [[7, 8]]}')
    assert first.tolist() == [[1.5, 2.5]]


def test_reading_goes_on_after_a_bad_body_that_is_kept():
    """A reference to an exception does not block the parser."""
    plan = typed_plan(RUNS["float64"])
    with pytest.raises(FallBack) as wrong_type:
        plan.read_json(b'{"data": [[1, "2"]]}')
    with pytest.raises(FallBack) as no_json:
        plan.read_json(b"{")
    assert plan.read_json(b'{"data": [[1, 2]]}')["data"].tolist() == [[1, 2]]
    assert wrong_type.value is not no_json.value


def test_threads_do_not_disturb_each_other():
    """Each thread reads with a parser of its own."""
    plan, wrong = typed_plan(RUNS["float64"]), []

    def read(value):
        body = json.dumps({"data": [[value, value]] * 50}).encode()
        found = [plan.read_json(body)["data"] for _ in range(200)]
        wrong.extend(each for each in found if not (each == value).all())

    threads = [threading.Thread(target=read, args=(each,)) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong


def test_a_large_body_is_read_and_its_parser_let_go():
    """A body above the limit is read with a parser that does not stay."""
    plan = typed_plan(RUNS["float64"])
    rows = np.random.default_rng(0).random((40_000, 2))
    body = json.dumps({"data": rows.tolist()}).encode()
    assert len(body) > 1 << 20
    assert same(plan.read_json(body)["data"], rows)
    assert not vars(plan._parsers)


def several():
    """Return a run() with two arrays, a typed and an untyped scalar, and defaults."""

    @input_schema("left", NumpyParameterType(np.zeros((1, 2))))
    @input_schema("right", NumpyParameterType(np.zeros((1, 1), np.int64)), optional=True)
    @input_schema("limit", StandardPythonParameterType(0.5))
    def run(left, limit, right=None, name="x", request_headers=None):
        return [left, limit, right, name]

    return run


@pytest.mark.parametrize(
    ("body", "is_short"),
    [
        (b'{"left": [[1, 2]], "limit": 1, "right": [[3]], "name": "n"}', True),
        (b'{"left": [[1, 2]], "limit": 0.5}', True),
        (b'{"left": [[1, 2]], "limit": 0.5, "right": null, "name": true}', True),
        (b'{"left": [[1, 2]], "limit": 0.5, "right": 0}', True),
        (b'{"left": [[1, 2]], "limit": "1"}', False),
        (b'{"left": [[1, 2]], "limit": true}', False),
        (b'{"left": [[1, 2]], "limit": 1, "right": 3}', False),
        (b'{"left": [[1, 2]], "limit": 1, "name": [1]}', False),
        (b'{"left": [[1, 2]]}', False),
    ],
)
def test_several_parameters_are_read_as_they_are_declared(body, is_short):
    """Arrays, scalars, defaults and what is optional mean what inference-schema means by them."""
    run, plan = several(), typed_plan(several())
    if not is_short:
        with pytest.raises(FallBack):
            plan.read_json(body)
        return
    short = plan.call(**plan.read_json(body))
    assert all(map(same, short, long_way(run, body)))


def test_an_array_inside_an_object_is_read():
    """A declared object's arrays are converted, and its other values are left as they are."""
    array = NumpyParameterType(np.zeros((1, 2)))

    @input_schema("inputs", StandardPythonParameterType({"x": array, "n": 1}))
    @output_schema(array)
    @input_schema("data", array, optional=True)
    def run(inputs, data=None):
        return [*inputs.values(), *inputs, data]

    body = b'{"inputs": {"n": 3, "x": [[1, 2]]}, "data": [[1, 2]]}'
    plan = typed_plan(run)
    assert all(map(same, plan.call(**plan.read_json(body)), long_way(run, body)))
    with pytest.raises(FallBack):
        plan.read_json(b'{"inputs": {"x": [[1, 2]], "x": [[3, 4]]}}')


def plain(data):
    return data


class Derived(NumpyParameterType):
    """A type whose ways are not known."""


@pytest.mark.parametrize(
    "run",
    [
        plain,
        declared(StandardPythonParameterType(1.5)),
        declared(StandardPythonParameterType([1.5])),
        declared(NumpyParameterType(np.array([["a"]]))),
        declared(NumpyParameterType(np.zeros((1,), [("a", "f8")]))),
        declared(NumpyParameterType(np.zeros((1, 1), "M8[s]"))),
        declared(NumpyParameterType(np.zeros((1, 1), bool))),
        declared(Derived(np.zeros((1, 1)))),
        declared(NumpyParameterType(np.zeros((1, 1))), convert_to_provided_type=False),
    ],
)
def test_what_cannot_be_read_faster_has_no_plan(run):
    """A run() without arrays of numbers is served the long way from the start."""
    assert typed_plan(run) is None


def test_a_decorator_of_the_users_own_stays():
    """Only inference-schema's wrapping is taken off; what lies below another decorator is kept."""

    def doubled(function):
        def inner(data):
            return function(data=data * 2)

        return inner

    @input_schema("data", NumpyParameterType(np.zeros((1, 2))))
    @doubled
    @input_schema("data", NumpyParameterType(np.zeros((1, 2))))
    def run(data):
        return data

    assert agrees(run, b'{"data": [[1, 2]]}')
    assert typed_plan(doubled(run)) is None


@given(counts=st.lists(st.integers(1, 4), min_size=1, max_size=8))
@settings(deadline=None)
def test_rows_come_back_to_the_request_that_sent_them(counts):
    """What is merged, scored row by row and split is what each alone would get."""
    requests = [
        {"data": np.full((n, 3), i), "side": np.arange(n), "name": "x"}
        for i, n in enumerate(counts)
    ]
    together, rows = merge(requests)
    assert rows == counts
    assert together["name"] == "x"
    result = {"sum": together["data"].sum(axis=1), "side": together["side"].tolist()}
    for each, part in zip(requests, split(result, rows), strict=True):
        assert part["sum"].tolist() == each["data"].sum(axis=1).tolist()
        assert part["side"] == each["side"].tolist()


@pytest.mark.parametrize(
    "other",
    [
        {"data": np.zeros((1, 3)), "name": "x"},
        {"data": np.zeros((1, 2), np.float32), "name": "x"},
        {"data": np.zeros((1, 2, 1)), "name": "x"},
        {"data": np.zeros((1, 2)), "name": "y"},
        {"data": np.zeros((1, 2)), "name": None},
        {"data": None, "name": "x"},
    ],
)
def test_unlike_requests_are_not_merged(other):
    """A difference in width, dtype or another argument keeps requests apart."""
    with pytest.raises(CannotMerge):
        merge([{"data": np.zeros((1, 2)), "name": "x"}, other])


def test_arrays_of_different_lengths_in_one_request_are_not_merged():
    """If the arrays of a request are not row for row, nobody knows its rows."""
    with pytest.raises(CannotMerge):
        merge([{"a": np.zeros((1, 2)), "b": np.zeros((2, 2))}] * 2)
    with pytest.raises(CannotMerge):
        merge([{"a": 1}])


@pytest.mark.parametrize(
    "result",
    [None, 1.5, "abc", b"abc", [1, 2], np.zeros(2), np.float64(1), np.array(3), {"a": [1]}],
)
def test_a_result_without_a_part_for_each_row_is_not_split(result):
    """Only what has as many items as there were rows can be shared out."""
    with pytest.raises(CannotSplit):
        split(result, [1, 2])
