"""What one row of a table costs in a scoring script that modelship wrote.

::

    python benchmarks/table_rows.py            every model
    python benchmarks/table_rows.py --smoke    few rows, to see that it still runs

A request with one record of 20 columns goes through ``run()``; the bare thing is
``model.predict(pd.DataFrame(records))``, with the records parsed before. Both are timed in turn, in
seconds of the processor, and the figure is the ratio of their medians.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: threads that wait take time, too

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import modelship as ms

NUMBERS = [f"number_{at}" for at in range(12)]
TEXTS = [f"text_{at}" for at in range(6)]
DATES = [f"date_{at}" for at in range(2)]
LIMIT = 1.3


def table(rows):
    """Return 20 columns: numbers with gaps, texts, and dates."""
    rng = np.random.default_rng(0)
    numbers = {name: rng.normal(size=rows).round(3) for name in NUMBERS}
    texts = {name: rng.choice(["red", "green", "blue"], rows) for name in TEXTS}
    start = pd.Timestamp(2024, 1, 1)
    dates = {name: start + pd.to_timedelta(rng.integers(0, 900, rows), "D") for name in DATES}
    return pd.DataFrame({**numbers, **texts, **dates})


def models(X):
    """Yield the name of each model, its columns, and the fitted estimator."""
    y = X["number_0"] > 0
    mixed = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), TEXTS), (StandardScaler(), NUMBERS)
    )
    named = X[NUMBERS + TEXTS + DATES]
    yield (
        "20 columns of numbers, texts and dates",
        named,
        make_pipeline(mixed, LogisticRegression()).fit(named, y),
    )
    wide = pd.DataFrame({f"n{at}": X[NUMBERS[at % 12]] + at for at in range(20)})
    yield "20 columns of numbers, linear", wide, LogisticRegression(max_iter=1000).fit(wide, y)
    boosted = HistGradientBoostingClassifier(max_iter=20)
    yield "20 columns of numbers, boosted trees", wide, boosted.fit(wide, y)


def script_of(model, X, folder):
    """Return the initialized script that modelship writes for a model."""
    bundle = ms.ScoringBundle(
        ms.ModelSource.open(model, name="model").fetch(folder / "models"), sample_input=X.head(50)
    )
    for file in bundle.source:
        path = folder / "source" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    os.environ["AZUREML_MODEL_DIR"] = str(bundle.model.root)
    sys.path.insert(0, str(folder / "source"))
    spec = importlib.util.spec_from_file_location("score", folder / "source" / "score.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.init()
    return script


def cpu_s(work):
    """Return the seconds of the processor that `work` takes."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measure(model, X, *, times):
    """Return the median cost of a row in run() and of the bare thing, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        script = script_of(model, X, Path(folder))
        records = json.loads(X.head(1).to_json(orient="records", date_format="iso"))
        body = json.dumps({"data": records})
        assert script.run(body) == model.predict(X.head(1)).tolist()
        pairs = [
            (cpu_s(lambda: script.run(body)), cpu_s(lambda: model.predict(pd.DataFrame(records))))
            for _ in range(times)
        ]
    return [statistics.median(each) for each in zip(*pairs, strict=True)]


def main():
    """Measure each model, print one line each, and fail where one costs too much."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="few rows")
    times = 100 if parser.parse_args().smoke else 500
    X = table(500)
    worst = 0.0
    for name, rows, model in models(X):
        ours_s, bare_s = measure(model, rows, times=times)
        worst = max(worst, ours_s / bare_s)
        print(
            f"{name:<42} run() {ours_s * 1e3:.3f} ms, bare {bare_s * 1e3:.3f} ms: "
            f"ratio {ours_s / bare_s:.2f}",
            flush=True,
        )
    if worst > LIMIT:
        sys.exit(f"a row costs {worst:.2f} times the bare thing; {LIMIT} is the most")


if __name__ == "__main__":
    main()
