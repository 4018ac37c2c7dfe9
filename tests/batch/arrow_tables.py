"""Tables of the types that Arrow reads from CSV, JSON lines and Parquet."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
from hypothesis import strategies as st

__all__ = ["columns_of_type", "tables", "types"]

_WORDS = st.sampled_from(["", "n", "süd", "\U0001f600", "a" * 40, "null", "NaN"])
_TEXTS = _WORDS | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_FLOATS = st.floats(width=32) | st.just(float("nan"))
_MOMENTS = st.datetimes(
    dt.datetime.fromisoformat("1900-01-01"), dt.datetime.fromisoformat("2200-01-01")
)


def _integers(bits, *, signed=True):
    low = -(2 ** (bits - 1)) if signed else 0
    return st.integers(low, low + 2**bits - 1)


_OF_TYPE = [
    (pa.null(), st.none()),
    (pa.int8(), _integers(8)),
    (pa.int16(), _integers(16)),
    (pa.int32(), _integers(32)),
    (pa.int64(), _integers(64) | st.integers(-5, 5)),
    (pa.uint8(), _integers(8, signed=False)),
    (pa.uint64(), _integers(64, signed=False)),
    (pa.float32(), _FLOATS),
    (pa.float64(), st.floats() | st.just(float("nan"))),
    (pa.bool_(), st.booleans()),
    (pa.string(), _TEXTS),
    (pa.large_string(), _TEXTS),
    (pa.string_view(), _TEXTS),
    (pa.binary(), st.binary(max_size=4)),
    (pa.binary(2), st.binary(min_size=2, max_size=2)),
    (pa.date32(), st.dates(dt.date(1000, 1, 1))),
    (pa.time64("us"), st.times()),
    (pa.timestamp("s"), _MOMENTS.map(lambda each: each.replace(microsecond=0))),
    (pa.timestamp("us"), _MOMENTS),
    (pa.timestamp("ns"), _MOMENTS),
    (pa.timestamp("us", "Europe/Berlin"), _MOMENTS),
    (pa.timestamp("ms", "+02:00"), _MOMENTS.map(lambda each: each.replace(microsecond=0))),
    (pa.duration("us"), st.timedeltas(dt.timedelta(-90), dt.timedelta(90))),
    (pa.decimal128(9, 2), st.integers(-(10**8), 10**8).map(lambda each: Decimal(each) / 100)),
    (pa.dictionary(pa.int8(), pa.string()), _WORDS),
    (pa.dictionary(pa.int32(), pa.int64()), st.integers(0, 3)),
    (pa.list_(pa.int64()), st.lists(st.none() | st.integers(-5, 5), max_size=3)),
    (pa.list_(pa.float32(), 2), st.lists(_FLOATS, min_size=2, max_size=2)),
    (pa.struct({"a": pa.int64(), "b": pa.date32()}), st.fixed_dictionaries({"a": _integers(8)})),
]

types = st.sampled_from(_OF_TYPE)


@st.composite
def columns_of_type(draw, kind, values, *, rows, with_nulls=True):
    """Draw a column of some chunks, some of which are parts of longer arrays."""
    drawn = values | st.none() if with_nulls and draw(st.booleans()) else values
    held = draw(st.lists(drawn, min_size=rows, max_size=rows))
    at = draw(st.integers(0, rows))
    first = pa.array([*held[:at], *held[at:]], kind).slice(0, at)
    second = pa.array([*held[:at], *held[at:]], kind).slice(at)
    return pa.chunked_array([first, second], kind)


@st.composite
def tables(draw, of=types, **options):
    """Draw a table of a few columns."""
    rows = draw(st.integers(0, 7))
    kinds = draw(st.lists(of, min_size=1, max_size=4))
    columns = [draw(columns_of_type(*each, rows=rows, **options)) for each in kinds]
    return pa.table(columns, names=[f"c{at}" for at in range(len(columns))])
