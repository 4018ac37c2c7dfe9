"""What to write in place of a value that JSON has no form for."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import pathlib
import types
import uuid

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from modelship.checks.trial_answer import unsendable
from modelship.diagnosis import explain_exception, remedy_of


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Row:
    a: int = 1


VALUES = {
    "value.tolist()": [np.array([1]), np.array(1), pd.Series([1]), pd.Index([1])],
    "value.to_dict(orient='records')": [pd.DataFrame({"a": [1]})],
    "int(value)": [np.int64(1), np.uint8(1), np.intc(1)],
    "float(value)": [np.float32(1), decimal.Decimal(1)],
    "bool(value)": [np.bool_(True)],
    "value.isoformat()": [
        dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc),
        dt.date(2024, 1, 1),
        dt.time(1),
        pd.Timestamp("2024-01-01"),
    ],
    "value.total_seconds()": [dt.timedelta(1), pd.Timedelta("1s")],
    "str(value)": [uuid.UUID(int=1), pathlib.Path("a"), ValueError("a"), np.datetime64("2024")],
    "None, for a missing value": [pd.NaT, pd.NA],
    "sorted(value)": [{1}, frozenset()],
    "base64.b64encode(value).decode()": [b"a", bytearray()],
    "[value.real, value.imag]": [1j, np.complex64(1)],
    "value.value": [Color.RED],
    "list(value)": [range(1), map(str, ()), {}.keys(), collections.deque(), (x for x in ())],
    "dict(value)": [types.MappingProxyType({})],
    "dataclasses.asdict(value)": [Row()],
    "value.toarray().tolist()": [scipy.sparse.csr_matrix([[1]]), scipy.sparse.csr_array([[1]])],
    "value()": [math.sqrt, "".upper],
}
KEYS = {
    "int(key)": [np.int64(1)],
    "float(key)": [np.float32(1)],
    "key.isoformat()": [dt.date(2024, 1, 1), pd.Timestamp("2024")],
    "str(key)": [("a", 1), uuid.UUID(int=1), decimal.Decimal(1)],
    "bool(key)": [np.bool_(True)],
    "key.value": [Color.RED],
}


def each_of(table):
    return [(written, value) for written, values in table.items() for value in values]


@pytest.mark.parametrize(("written", "value"), each_of(VALUES))
def test_each_kind_of_value_has_its_own_remedy(written, value):
    """The place of the value is named, and what to write there."""
    [found] = unsendable({"y": [1, {"at": value}]})
    assert found["what"].startswith("the answer['y'][1]['at'] is of the type ")
    assert remedy_of(found["kinds"]).startswith(f"Write {written}")
    with pytest.raises((TypeError, ValueError)):
        json.dumps(value)


@pytest.mark.parametrize(("written", "key"), each_of(KEYS))
def test_each_kind_of_key_has_its_own_remedy(written, key):
    """A dictionary is not at fault, but what stands in it as a key."""
    [found] = unsendable([{"y": {key: 1}}])
    assert found["what"].startswith("a key of the answer[0]['y'] is ")
    assert remedy_of(found["kinds"], is_key=True).startswith(f"Write {written}")


def test_each_type_is_told_once():
    """The first value of each, in the order of the answer, and keys beside values."""
    answer = [{"at": dt.date(2024, 1, 1), "n": decimal.Decimal(row)} for row in range(3)]
    answer.append({np.int64(1): np.int64(2), np.int64(3): 4})
    assert [each["what"] for each in unsendable(answer)] == [
        "the answer[0]['at'] is of the type datetime.date",
        "the answer[0]['n'] is of the type decimal.Decimal",
        "a key of the answer[3] is numpy.int64",
        f"the answer[3][{np.int64(1)!r}] is of the type numpy.int64",
    ]


def test_names_are_those_that_a_script_writes():
    """A class is named as it is imported, and not where its library keeps it."""
    assert unsendable({np.int64(1): 1})[0]["what"] == "a key of the answer is numpy.int64"
    assert unsendable([pd.Timestamp(0)])[0]["what"].endswith("of the type pandas.Timestamp")


def test_an_answer_that_holds_itself_is_told():
    """Such a list has no end."""
    endless = []
    endless.append(endless)
    assert unsendable(endless)[0]["what"] == "the answer[0] holds itself"


LOGGED = {
    "Object of type Decimal is not JSON serializable": "Write float(value)",
    "Object of type int64 is not JSON serializable": "Write int(value).",
    "Object of type Timestamp is not JSON serializable": "Write value.isoformat().",
    "Object of type Custom is not JSON serializable": "Return its content as plain values",
    "keys must be str, int, float, bool or None, not int64": "Write int(key).",
    "keys must be str, int, float, bool or None, not tuple": "Write str(key), or a dictionary",
}


@pytest.mark.parametrize("message", LOGGED)
def test_what_a_server_logs_has_the_same_remedies(message):
    """Of a value and of a key, with the name of the class alone."""
    found = explain_exception("TypeError", message, phase="run")
    assert (found.code, found.remedy.startswith(LOGGED[message])) == ("MS107", True)
