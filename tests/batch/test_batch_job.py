"""A batch job scores every row once, and accounts for each."""

import json

import pandas as pd
import pytest

import modelship as ms

SCRIPT = """
import json


def init():
    pass


def run(raw_data):
    rows = json.loads(raw_data)["data"]
    if any(row[0] < 0 for row in rows):
        raise ValueError("a negative number")
    return [sum(row) for row in rows]
"""


@pytest.fixture
def script_bundle(tmp_path, model_bundle):
    """Return the bundle of a script that refuses negative numbers, in the same environment."""
    (tmp_path / "score.py").write_text(SCRIPT)
    return ms.ScoringBundle(
        [], entry_script=tmp_path / "score.py", environment=model_bundle[0].environment
    )


@pytest.mark.parametrize("suffix", [pytest.param("csv", marks=pytest.mark.long), "parquet"])
def test_predictions_are_those_of_the_model(model_bundle, numbers, tmp_path, suffix):
    """Every row has the prediction of the model, in the order of the input."""
    bundle, model = model_bundle
    getattr(numbers, f"to_{suffix}")(tmp_path / f"rows.{suffix}", index=False)
    options = ms.BatchOptions(piece_bytes=10_000)
    out = tmp_path / "out"
    summary = ms.BatchJob(bundle, tmp_path / f"rows.{suffix}", out, options=options).run()
    read = getattr(pd, f"read_{suffix}")
    scored = pd.concat([read(each) for each in sorted(out.glob(f"*.{suffix}"))])
    assert (scored.prediction.to_numpy() == model.predict(numbers)).all()
    assert (summary.rows_in, summary.rows_out, summary.failed) == (1000, 1000, 0)


def test_a_bad_row_is_the_only_one_that_fails(script_bundle, numbers, tmp_path):
    """A row that run() refuses is noted with its position, and all others are scored."""
    numbers.assign(a=numbers.a.where(numbers.index != 321, -1)).to_csv(
        tmp_path / "rows.csv", index=False
    )
    summary = ms.BatchJob(script_bundle, tmp_path / "rows.csv", tmp_path / "out").run()
    assert (summary.rows_out, summary.failed) == (999, 1)
    [line] = (tmp_path / "out/_failed/rows-00000.jsonl").read_text().splitlines()
    failed = json.loads(line)
    assert (failed["row"], failed["reason"]) == (321, "ValueError: a negative number")
