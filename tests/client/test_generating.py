"""Clients are generated from the description of a service, and call it."""

import json
import shutil

import pytest

from modelship import Client
from modelship.client.generating import generate_client, generated_package
from modelship.client.naming import argument_of, named_for_python, named_for_typescript
from modelship.errors import ClientGenerationError, InvalidOptionError
from modelship.targets.describing import ServiceDescription


@pytest.mark.parametrize("file", ["swagger2.json", "swagger3.json", "swagger3.1.json"])
def test_each_description_is_valid(table_bundle, file):
    """The documents are what their versions of OpenAPI demand."""
    from openapi_spec_validator import validate  # slow to import, and each worker reads this file

    [text] = [each.content for each in table_bundle.source if each.path == file]
    validate(json.loads(text))


def test_a_description_names_the_columns(service, people):
    """A client in any language finds the columns and an example."""
    document = ServiceDescription.read(service).document
    schemas = document["components"]["schemas"]
    assert list(schemas["Row"]["properties"]) == list(people)
    assert set(schemas["ServiceInput"]["example"]["data"][0]) == set(people)


def test_a_generated_python_client_scores_rows(service, people, tmp_path, monkeypatch):
    """The code of its README sends each column by its real name, and the service takes it."""
    document = ServiceDescription.read(service).document
    made = generate_client(document, language="python", folder=tmp_path / "made", uri=service)
    monkeypatch.syspath_prepend(str(made))
    told = (made / "README.md").read_text()
    assert '| `a_b` | `a\\n"b"` |' in told
    names = {"print": lambda answer: names.update(answer=answer)}
    exec(_code(told), names)
    row = names["row"]
    assert row.to_dict().keys() == set(people)
    assert type(row).from_dict(row.to_dict()) == row
    assert names["answer"].predictions == Client(service).predict([row.to_dict()])
    assert not (made / ".ruff_cache").exists()


def _code(told):
    return told.partition("```python\n")[2].partition("```")[0]


@pytest.mark.long
def test_a_client_without_its_call_is_an_error(tmp_path):
    """What the generator leaves out with no more than a warning is told, not written."""
    document = {"openapi": "3.0.3", "info": {"title": "x", "version": "1"}, "paths": {}}
    with pytest.raises(ClientGenerationError, match="left out the call"):
        generate_client(document, language="python", folder=tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_what_is_generated_without_the_call_is_an_error(tmp_path):
    """It goes along what the generator said, and a package with the call is found by its name."""
    with pytest.raises(ClientGenerationError, match="left out the call") as caught:
        generated_package(tmp_path, "WARNING parsing POST /score")
    assert "WARNING parsing POST /score" in str(caught.value)
    call = tmp_path / "digits_client" / "api" / "default" / "score.py"
    call.parent.mkdir(parents=True)
    call.touch()
    assert generated_package(tmp_path, "") == "digits_client"


_HOSTILE = (
    "a b",
    "a_b",
    "a-b",
    "class",
    "class_",
    "1st",
    '"""',
    "größe",
    "d",
    "Größe",
    "",
    "\ud800",
)


def test_each_column_has_an_argument_of_its_own(tmp_path):
    """Names that are alike, reserved or no names at all become different ones, and come back."""
    properties = {name: {} for name in _HOSTILE}
    row = {"properties": properties, "required": list(_HOSTILE)}
    named = named_for_python({"components": {"schemas": {"Row": row}}})
    keys = list(named.columns["Row"])
    assert keys == [
        *("a_b_2", "a_b", "a_b_3", "class", "class_2", "column_1st", "column", "größe"),
        *("d_column", "größe_2", "column_2", "column_3"),
    ]
    assert named.document["components"]["schemas"]["Row"]["required"] == keys
    assert all(argument_of(key).isidentifier() for key in keys)
    assert row["required"] == list(_HOSTILE)  # the description itself is left alone
    module = tmp_path / "people" / "models" / "row.py"
    module.parent.mkdir(parents=True)
    quoted = ", ".join(f'"{key}"' for key in keys)
    module.write_text(f"found = [{quoted}]", encoding="utf-8")
    named.put_back(tmp_path)
    found = {}
    exec(module.read_text(encoding="utf-8"), found)
    assert found["found"] == list(_HOSTILE)


@pytest.mark.parametrize(
    ("labels", "kept"),
    [(["no", "yes"], True), (["a b", "a-b"], False), (["x\n", "y"], False), (["<b>", "<"], False)],
)
def test_labels_that_would_change_stay_texts(labels, kept):
    """A label of which the generator drops a letter, or that is like another, is no constant."""
    schema = {"ServiceOutput": {"items": {"type": "string", "enum": labels}}}
    found = named_for_python({"components": {"schemas": schema}}).document
    assert ("enum" in found["components"]["schemas"]["ServiceOutput"]["items"]) == kept


def test_a_prototype_is_no_column_of_typescript():
    """It would replace what the generator knows of a row."""
    row = {"properties": {"__proto__": {}, "a": {}}, "required": ["__proto__", "a"]}
    found = named_for_typescript({"components": {"schemas": {"Row": row}}})
    expected = {"properties": {"a": {}}, "required": ["a"], "additionalProperties": True}
    assert found["components"]["schemas"]["Row"] == expected


@pytest.mark.skipif(shutil.which("npx") is None, reason="there is no npx")
def test_a_typescript_client_is_typed_by_column(service, tmp_path):
    """The types of a row are those of the columns."""
    document = ServiceDescription.read(service).document
    folder = generate_client(document, language="typescript", folder=tmp_path / "made", uri=service)
    assert f"baseUrl: '{service.removesuffix('/score')}'" in (folder / "README.md").read_text()
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
    with pytest.raises(ClientGenerationError, match="the program npx is not installed") as caught:
        generate_client({}, language="typescript", folder=tmp_path / "made")
    assert "Node.js" in caught.value.hint
