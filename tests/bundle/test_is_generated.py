"""A script that modelship wrote is told from one of the user's own."""

import joblib
import pytest
from sklearn.linear_model import LogisticRegression

from modelship.bundle.generated import generate_source, is_generated
from modelship.sources import Model
from modelship.tables import Column, Schema

TABLE = Schema(form="table", columns=(Column(name="age", kind="number"),))


@pytest.mark.parametrize("schema", [Schema(form=""), TABLE], ids=["rows", "table"])
def test_what_is_written_is_known_again(tmp_path, schema):
    """Whatever was filled in; a line that was changed makes it the user's."""
    joblib.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), tmp_path / "m.pkl")
    name, files = generate_source([Model.read(tmp_path / "m.pkl")], schema=schema)
    script = next(file.content for file in files if file.path == name)
    assert is_generated(script)
    assert not is_generated(script.replace(b"def init():", b"def init():\n    print(1)"))
    assert not is_generated(b"def init(): ...\ndef run(raw_data): ...\n")
