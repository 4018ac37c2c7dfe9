"""Clients are generated from the description of a service, and call it."""

import importlib
import json
import shutil

import pytest
from openapi_spec_validator import validate

from modelship import Client
from modelship.client.generating import generate_client
from modelship.errors import ClientGenerationError, InvalidOptionError
from modelship.targets.describing import ServiceDescription


@pytest.mark.parametrize("file", ["swagger2.json", "swagger3.json", "swagger3.1.json"])
def test_each_description_is_valid(table_bundle, file):
    """The documents are what their versions of OpenAPI demand."""
    [text] = [each.content for each in table_bundle.source if each.path == file]
    validate(json.loads(text))


def test_a_description_names_the_columns(service):
    """A client in any language finds the columns and an example."""
    document = ServiceDescription.read(service).document
    schemas = document["components"]["schemas"]
    assert list(schemas["Row"]["properties"]) == ["zone", "Alter in Jahren"]
    assert set(schemas["ServiceInput"]["example"]["data"][0]) == {"zone", "Alter in Jahren"}


def test_a_generated_python_client_scores_rows(service, people, tmp_path, monkeypatch):
    """What openapi-python-client writes is typed by column, and the service takes it."""
    document = ServiceDescription.read(service).document
    made = generate_client(document, language="python", folder=tmp_path / "made")
    [package] = [each.parent for each in made.glob("*/client.py")]
    monkeypatch.syspath_prepend(str(package.parent))
    made = importlib.import_module(package.name)
    models = importlib.import_module(f"{package.name}.models")
    score = importlib.import_module(f"{package.name}.api.default.score")
    row = models.Row(zone="n", alter_in_jahren=30)
    with made.Client(base_url=service.removesuffix("/score")) as client:
        answer = score.sync(client=client, body=models.ServiceInput(data=[row]))
    assert answer.predictions == Client(service).predict([row.to_dict()])


@pytest.mark.skipif(shutil.which("npx") is None, reason="there is no npx")
def test_a_typescript_client_is_typed_by_column(service, tmp_path):
    """The types of a row are those of the columns."""
    document = ServiceDescription.read(service).document
    folder = generate_client(document, language="typescript", folder=tmp_path / "made")
    types = (folder / "types.gen.ts").read_text()
    assert "'Alter in Jahren': number | null;" in types
    assert "zone: string;" in types  # an encoder that refuses what is missing


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    """Nothing of the user's is overwritten."""
    (tmp_path / "mine").write_text("")
    with pytest.raises(InvalidOptionError, match="a new or an empty folder"):
        generate_client({}, language="python", folder=tmp_path)


def test_a_generator_that_is_not_installed_is_named(tmp_path, monkeypatch):
    """The message says what brings it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClientGenerationError, match="there is no program npx") as caught:
        generate_client({}, language="typescript", folder=tmp_path / "made")
    assert "Node.js" in caught.value.hint
