"""Dates that an encoder was fitted on are read as dates, with a sample and without."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelship.sources import Model
from modelship.tables import Table, schema_of_data, to_plain

DAYS = pd.date_range("2024-03-30", periods=3)  # the clocks change within
COLUMNS = {
    "dates": pd.Series(DAYS),
    "seconds": pd.Series(DAYS.astype("datetime64[s]")),
    "zoned": pd.Series(DAYS.tz_localize("Europe/Berlin")),
    "durations": pd.Series(DAYS - DAYS[0]),
    "categories": pd.Series(DAYS).astype("category"),
    "zoned categories": pd.Series(DAYS.tz_localize("Europe/Berlin")).astype("category"),
}


@pytest.mark.parametrize("with_sample", [False, True])
@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_an_encoder_knows_the_dates_of_a_request(column, with_sample, tmp_path):
    """The answers to JSON are those to the frame."""
    frame = pd.DataFrame({"day": column, "size": [1.0, 2.0, 4.0]})
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["day"]))
    model = make_pipeline(encoder, Ridge()).fit(frame, [1.0, 5.0, 20.0])
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(model))
    schema = Model.read(path).schema
    if with_sample:
        schema = schema.completed_by(schema_of_data(frame))
    table = Table(schema)
    read = table.read(json.dumps({"data": to_plain(frame)}))
    np.testing.assert_array_equal(model.predict(read), model.predict(frame))
    assert table.counts.totals == (0, 0)
