"""Dates, durations and periods are read where they can mean one thing alone, and else refused."""

import base64
import datetime as dt
import json

import pandas as pd
import pyarrow as pa
import pytest

from modelship.bundle.schemas import schema_of
from modelship.errors import SampleInputError
from modelship.tables import Column, Refused, Schema, Table, schema_of_data, to_plain

OBJECTS = Schema("table", (Column("a", "date", "object"),))
DURATIONS = schema_of_data(pd.DataFrame({"a": pd.to_timedelta(["1s", "2D"])}))
MONTHS = schema_of_data(pd.DataFrame({"a": pd.period_range("2024-01", periods=2, freq="M")}))
TEXTS = Schema("table", (Column("a", "text", "object"),))


def _read(schema, *values, validate=True):
    return Table(schema, validate=validate).read(json.dumps([{"a": each} for each in values]))["a"]


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        *((OBJECTS, value, "a date in ISO 8601") for value in ("05:00", "01/02/2020", "today")),
        (OBJECTS, "2020-01-01T" + "1" * 100_000, "a date in ISO 8601"),
        (OBJECTS, "\uff12\uff10\uff12\uff10-01-01", "a date in ISO 8601"),
        *((DURATIONS, value, "a duration in ISO 8601") for value in ("2020", "2020-05", 5, 1.5)),
        (DURATIONS, "5 dogs", "a duration in ISO 8601"),
        *((MONTHS, value, "the text of a period\\[M\\] is") for value in (2020, True, "soon")),
    ],
)
def test_what_could_mean_another_time_is_refused(schema, value, expected, validate):
    """Whatever pandas makes of it: today, a day of America, nanoseconds, or a year."""
    with pytest.raises(Refused, match=f"Row 1, column 'a': .* is given; {expected}"):
        _read(schema, None, value, validate=validate)


@pytest.mark.parametrize("text", ["2024-05-31", "20240531", "2024-05", "2024/5/1"])
def test_a_date_that_begins_with_the_year_is_an_object_where_the_model_has_objects(text):
    """A day without a time is a date of Python's."""
    assert _read(OBJECTS, text)[0] == pd.Timestamp(text if "/" not in text else "2024-05-01").date()


@pytest.mark.parametrize(
    "text",
    [
        *("2024-05-31 10:11:12", "2024-05-31T10:11:12.000123", "2024-05-31T10:11:12.123"),
        *("2024-05-31T10+02:00", "2024-05-31T10:11:12Z", "2024-05-31T10:11:12.123456789"),
    ],
)
@pytest.mark.filterwarnings("ignore:Discarding nonzero nanoseconds")
def test_a_moment_is_an_object_where_the_model_has_objects(text):
    """The usual form is read without pandas, which makes the same of it."""
    expected = pd.Timestamp(text).to_pydatetime()
    found = _read(OBJECTS, text)[0]
    assert (found, found.tzinfo) == (expected, expected.tzinfo)


@pytest.mark.parametrize("text", ["PT36H", "1 days 12:00:00", "36:00:00"])
def test_a_duration_is_read_in_any_form_that_tells_its_unit(text):
    """Those of ISO 8601, and those that pandas writes into a CSV."""
    assert _read(DURATIONS, text)[0] == pd.Timedelta(hours=36)


@pytest.mark.parametrize("freq", ["M", "Q", "W", "D", "h"])
def test_periods_come_back_as_what_they_were(freq):
    """A model that was fitted on periods is given periods."""
    frame = pd.DataFrame({"a": pd.period_range("2024-01-05", periods=2, freq=freq)})
    table = Table(schema_of_data(frame))
    pd.testing.assert_frame_equal(table.read(json.dumps(to_plain(frame))), frame)


def test_dates_of_arrow_are_texts_to_a_model_of_texts_as_in_json():
    """Whichever way a DataFrame takes, the model is given the same."""
    frame = pd.DataFrame({"a": [pd.Timestamp("2024-05-31T12:00"), None]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.Schema.from_pandas(frame)) as stream:
        stream.write_table(pa.Table.from_pandas(frame))
    body = json.dumps({"arrow": base64.b64encode(sink.getvalue()).decode()})
    read = Table(TEXTS).read(body)["a"].tolist()
    assert read[0] == Table(TEXTS).read(json.dumps(to_plain(frame)))["a"][0]
    assert read[0] == dt.datetime(2024, 5, 31, 12).isoformat()  # noqa: DTZ001


def test_a_sample_that_json_cannot_hold_is_told_what_to_do():
    """The advice holds for a DataFrame too."""
    with pytest.raises(SampleInputError, match="a value of type Interval") as refused:
        schema_of(
            [], given=None, sample=pd.DataFrame({"a": pd.cut([1, 2, 9], [0, 5, 10])}), strict=True
        )
    assert refused.value.advice.startswith("Give rows of numbers, strings, dates")
