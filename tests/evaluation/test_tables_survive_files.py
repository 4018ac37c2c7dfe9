"""Tables go through files: whatever is written reads the same, with what a model says of it."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.pandas import column, data_frames, range_indexes

from modelship.evaluation.files import DataFile
from modelship.evaluation.files.delimited import GAPS
from modelship.tables import schema_of_data

LETTERS = st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=["Cs"])
LOOKS_LIKE = st.sampled_from(["007", "true", "1.50", " a", "2024-05-31", "a,b", "a;b", '"'])
TEXTS = st.none() | LOOKS_LIKE | st.text(LETTERS, min_size=1).filter(lambda t: t not in GAPS)
DATES = st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2060-01-01"))
FRAMES = data_frames(
    [
        column("whole", elements=st.integers(-(2**53), 2**53), dtype="int64"),
        column("gaps", elements=st.integers(-999, 999) | st.just(float("nan")), dtype="float64"),
        column("text", elements=TEXTS, dtype=object),
        column("truth", elements=st.booleans(), dtype=bool),
        column("day", elements=DATES, dtype="datetime64[ns]"),
    ],
    index=range_indexes(min_size=1, max_size=8),
)
FORMS = {
    "t.csv": lambda frame, path: frame.to_csv(path, index=False),
    "t.json": lambda frame, path: frame.to_json(
        path, orient="records", date_format="iso", date_unit="ns"
    ),
}


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(frame=FRAMES)
def test_a_table_reads_as_it_was(tmp_path, name, frame):
    """Numbers, gaps, texts that look like something else, truth values and dates come back."""
    FORMS[name](frame.assign(y=range(len(frame))), tmp_path / name)
    X, y = DataFile(tmp_path / name, ("y",)).read(schema_of_data(frame))
    assert y.tolist() == list(range(len(frame)))
    for each in frame.columns:
        there = frame[each].notna()
        assert X[each].notna().tolist() == there.tolist()
        assert X[each][there].tolist() == frame[each][there].tolist()
