"""A service of a table model, run by modelship's server in this Python."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelship import ModelSource, ScoringBundle
from modelship.bundle import Environment
from modelship.bundle.layout import model_dir
from modelship.bundle.lock import Lock
from modelship.bundle.store import stage
from modelship.targets.http_scoring import answers
from reserved_ports import reserve_port
from waiting import wait_until


@pytest.fixture(scope="session")
def people():
    """Return a table of 40 people, with a text column and names that no variable can have."""
    rng = np.random.default_rng(0)
    zone = rng.choice(["n", "s"], 40)
    odd = {name: rng.random(40) for name in ("Alter in-Jahren", 'a\n"b"', "from_dict")}
    return pd.DataFrame({"zone": zone, "Alter in Jahren": np.arange(40) + 20, **odd})


@pytest.fixture(scope="session")
def model(people):
    """Fit a classifier with the labels no and yes."""
    encoder = make_column_transformer((OneHotEncoder(), ["zone"]), remainder="passthrough")
    labels = np.where(people["Alter in Jahren"] > 40, "yes", "no")
    return make_pipeline(encoder, LogisticRegression()).fit(people, labels)


@pytest.fixture(scope="session")
def table_bundle(people, model, tmp_path_factory):
    """Return a bundle with a written script; nothing is installed for it."""
    source = ModelSource.open(model)
    bundle = ScoringBundle(
        source.fetch(tmp_path_factory.mktemp("model")),
        sample_input=people.head(2),
        environment=Environment("3.11", ("pandas",)),
        output="proba",
    )
    return bundle.with_lock(Lock("3.11", ""))


@pytest.fixture(scope="session")
def service(table_bundle, tmp_path_factory):
    """Return the scoring URI of the bundle's script, served until the tests end."""
    folder = tmp_path_factory.mktemp("service")
    stage(table_bundle, folder)
    reserving, port = reserve_port()
    place = {
        "AML_APP_ROOT": str(folder),
        "AZUREML_MODEL_DIR": str(folder / model_dir(table_bundle.models)),
    }
    command = [sys.executable, "-m", "modelship.server", "--entry_script", "score.py"]
    command += ["--port", str(port)]
    uri = f"http://127.0.0.1:{port}/score"
    with reserving, subprocess.Popen(command, env=os.environ | place, cwd=folder) as process:
        wait_until(lambda: answers(uri) or process.poll() is not None)
        yield uri
        process.terminate()
