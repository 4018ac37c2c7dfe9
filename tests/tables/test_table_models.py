"""Thirteen kinds of models answer over HTTP what they answer in process, on both servers.

No script is written by hand: those that modelship writes are served by one process, since starting
one for each model and server would take minutes.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import requests

from modelship import DeployTarget, Model, ScoringBundle, Serving
from modelship.bundle import Environment
from modelship.tables import to_plain
from modelship.testing import with_lock

HERE = Path(__file__).parent
sys.path.append(str(HERE / "beside"))
from table_models import all_cases  # noqa: E402 - its module of steps is next to the script

NAMES = (
    *("by-index", "by-name", "custom", "dates", "gaps", "imblearn", "labels", "lightgbm"),
    *("multi-output", "numbers", "sparse", "text", "xgboost"),
)


@pytest.fixture(scope="module")
def cases():
    return all_cases()


@pytest.fixture(scope="module")
def bundles(cases, bare_lock, tmp_path_factory):
    """Return the bundle of each model, whose script modelship writes."""
    folder, made = tmp_path_factory.mktemp("models"), {}
    environment = Environment(python=bare_lock.python, requirements=())
    for name, case in cases.items():
        (folder / name).mkdir()
        joblib.dump(case.model, folder / name / "model.pkl")
        model = Model.read(folder / name / "model.pkl", name=name, version="1")
        made[name] = ScoringBundle(
            model,
            sample_input={"data": case.sample},
            source_directory=HERE / "beside",
            environment=environment,
        )
    return made


@pytest.fixture(scope="module", params=["azmlinfsrv", "modelship"])
def service(request, bundles, bare_lock, shared_home, tmp_path_factory, monkeypatch_module):
    """Yield a service of all the models."""
    source = tmp_path_factory.mktemp("source")
    _write(source, bundles)
    together = ScoringBundle(
        [each.model for each in bundles.values()],
        entry_script="score.py",
        source_directory=source,
        environment=bundles["text"].environment,
    )
    monkeypatch_module.setenv("MODELSHIP_HOME", str(shared_home))
    target = DeployTarget.open("process")
    serving = Serving(server=request.param)
    how = {"check": "off", "trust_model": True, "show_output": False, "serving": serving}
    with target.deploy(
        with_lock(together, lock=bare_lock), name=f"tables-{request.param}", **how
    ) as deployment:
        yield request.param, deployment.scoring_uri


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def _write(source, bundles):
    """Write each script into a folder of its own, and what all have in common beside these."""
    (source / "packages.txt").write_text(str(Path(pa.__file__).parents[1]))
    (source / "score.py").write_bytes((HERE / "dispatch" / "score.py").read_bytes())
    for name, bundle in bundles.items():
        for file in bundle.source:
            is_own = file.path in {"score.py", "schema.json"}
            path = source / (name if is_own else "") / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)


def _arrow(rows, name):
    frame = rows if isinstance(rows, pd.DataFrame) else _columns_of(rows)
    table = pa.Table.from_pandas(frame).replace_schema_metadata({"model": name})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def _columns_of(rows):
    return pd.DataFrame({str(at): list(values) for at, values in enumerate(rows.T)})


def _asked(uri, body, kind="application/json", accept="*/*"):
    answer = requests.post(
        uri, data=body, headers={"Content-Type": kind, "Accept": accept}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return answer


def _require_equal(found, expected):
    np.testing.assert_array_equal(np.array(found), np.array(expected))


@pytest.mark.parametrize("name", NAMES)
def test_a_model_answers_over_http_what_it_answers_in_process(name, service, cases):
    """In JSON, in Arrow within JSON, and on modelship's server in Arrow itself, there and back."""
    server, uri = service
    case = cases[name]
    expected = to_plain(case.model.predict(case.rows))
    stream = _arrow(case.rows, name)
    for body in (
        {"data": to_plain(case.rows)},
        {"arrow": base64.b64encode(stream).decode()},
    ):
        _require_equal(_asked(uri, f"{name}\n{json.dumps(body)}").json(), expected)
    if server == "modelship":
        kind = "application/vnd.apache.arrow.stream"
        answer = _asked(uri, stream, kind, accept=kind).content
        found = pa.ipc.open_stream(answer).read_all()["result"].to_pylist()
        _require_equal(found, expected)


def test_a_request_that_does_not_fit_is_a_400_on_both_servers(service):
    """The message names the row and the column, of a table and of plain rows of numbers."""
    _, uri = service
    for body, said in (
        (
            'by-name\n{"data": [[1, 2, 3, null, "", true, ""]]}',
            "Row 0, column 'zone': 1 is given; a text is expected, such as",
        ),
        ('numbers\n{"data": [[1, 2], [1, "x"]]}', "Row 1, column 1: 'x' is given; a number is"),
        ('numbers\n{"inputs": [[1, 2, 3]]}', "Row 0 has 3 values; 2 are expected."),
        ('numbers\n{"rows": [[1, 2]]}', "The body has the key 'rows'; "),
        ("numbers\n[[1, 2", "The body is not JSON: "),
    ):
        answer = requests.post(uri, data=body, timeout=60)
        assert (answer.status_code, answer.json()["message"][: len(said)]) == (400, said)
    if service[0] == "modelship":
        kind = {"Content-Type": "application/vnd.apache.arrow.stream"}
        stream = _arrow(pd.DataFrame({"comment": ["x"], "more": [1]}), "text")
        refused = requests.post(uri, data=stream, headers=kind, timeout=60)
        assert (refused.status_code, "'more'" in refused.text) == (400, True)


@pytest.mark.parametrize("name", NAMES)
def test_a_written_script_has_the_columns_of_its_model(name, cases, bundles):
    """Its schema has their names in the model's order, whether the file or the sample tells."""
    unnamed = [] if name == "numbers" else ["", ""]
    names = [*getattr(cases[name].sample, "columns", unnamed)]
    assert list(bundles[name].schema.names) == names
