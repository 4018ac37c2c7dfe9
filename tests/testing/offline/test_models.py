"""Models through the real SDK: registered, found, changed, brought back, and deleted."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

MMS = "modelmanagement/v1.0"


def register(ws, path, name="digits", **options):
    from azureml.core import Model

    return Model.register(ws, str(path), name, **options)


def files_below(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


@pytest.fixture
def register_nothing(call):
    """Return a function that registers a model without content, which takes no upload."""
    asset = call("POST", MMS, "/assets", json={"name": "none", "artifacts": []}).json()["id"]
    common = {"url": f"aml://asset/{asset}", "mimeType": "application/json"}

    def make(name, **fields):
        answer = call("POST", MMS, "/models", json={"name": name, **common, **fields})
        answer.raise_for_status()

    return make


@pytest.fixture
def model_file(here):
    path = here / "model.pkl"
    path.write_bytes(os.urandom(10_000))
    return path


def test_a_file_comes_back_byte_for_byte(ws, model_file):
    """What was registered under a name is what a download by that name brings."""
    from azureml.core import Model

    register(ws, "model.pkl")
    found = Path(Model(ws, "digits").download("out"))
    assert found == Path("out/model.pkl")
    assert found.read_bytes() == model_file.read_bytes()


@pytest.mark.long
def test_a_file_of_70_mb_goes_up_in_blocks(ws, offline, here):
    """A file above the 64 MiB that the SDK sends at once is put together from its blocks."""
    content = os.urandom(1 << 20) * 70
    (here / "large.bin").write_bytes(content)
    found = Path(register(ws, "large.bin").download("out"))
    assert found.read_bytes() == content
    assert not list((offline.folder / "uploads").iterdir())


@pytest.mark.long
def test_a_folder_of_51_files_comes_back_whole(ws, here):
    """More files than the 50 that go up in one batch, some of them empty and some in folders."""
    for index in range(51):
        path = here / "model" / f"part{index % 7}" / f"{index}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([index]) * index)
    register(ws, "model").download("out")
    assert files_below("out/model") == files_below("model")


def test_names_that_an_address_must_quote_come_back(ws, here):
    """The name of a file survives both ways (but for ? and #, which the SDK does not quote)."""
    for name in ("a b.pkl", "50%.pkl", "größe.pkl", "a+b", "~tilde"):
        content = name.encode()
        (here / name).write_bytes(content)
        out = here / f"out of {name}"
        register(ws, name).download(str(out))
        assert files_below(out) == {name: content}


def test_child_paths_are_all_that_is_registered(ws, here):
    """Of a folder, only the named children become part of the model."""
    for name in ("one", "two"):
        (here / "model").mkdir(exist_ok=True)
        (here / "model" / name).write_text(name)
    register(ws, "model", child_paths=["two"]).download("out")
    assert files_below("out") == {"model/two": b"two"}


def test_versions_count_on_after_a_deletion(ws, model_file):
    """A version that was deleted is not given out again."""
    register(ws, "model.pkl")
    register(ws, "model.pkl").delete()
    assert register(ws, "model.pkl").id == "digits:3"


def test_a_name_means_its_newest_version(ws, model_file):
    """Each version has its own content, and the name alone means the last."""
    from azureml.core import Model

    register(ws, "model.pkl")
    model_file.write_bytes(b"second")
    register(ws, "model.pkl")
    assert [Model(ws, "digits").version, Model(ws, "digits", version=1).version] == [2, 1]
    assert Path(Model(ws, id="digits:2").download("out")).read_bytes() == b"second"


def test_what_is_said_of_a_model_is_kept(ws, model_file):
    """Tags, properties, description and framework are read back as they were given."""
    from azureml.core import Model

    register(
        ws,
        "model.pkl",
        tags={"data": "mnist"},
        properties={"digest": "12"},
        description="Ten digits.",
        model_framework=Model.Framework.SCIKITLEARN,
        model_framework_version="1.5.2",
    )
    model = Model(ws, "digits")
    assert (model.tags, model.properties) == ({"data": "mnist"}, {"digest": "12"})
    assert model.description == "Ten digits."
    assert (model.model_framework, model.model_framework_version) == ("ScikitLearn", "1.5.2")


def test_tags_and_description_can_be_changed(ws, model_file):
    """What the SDK changes in place is there when the model is read again."""
    from azureml.core import Model

    model = register(ws, "model.pkl", tags={"a": "1", "b": "2"})
    model.add_tags({"c": "3"})
    model.remove_tags(["a"])
    model.add_properties({"new": "yes"})
    model.update(description="Other words.")
    again = Model(ws, "digits")
    assert again.tags == {"b": "2", "c": "3"}
    assert (again.properties, again.description) == ({"new": "yes"}, "Other words.")


PATCHES = [
    ({"op": "replace", "path": "/properties/p", "value": "2"}, "PropertiesAreImmutable"),
    ({"op": "remove", "path": "/properties"}, "PropertiesAreImmutable"),
    ({"op": "replace", "path": "/version", "value": 7}, "InvalidPatch"),
    ({"op": "move", "path": "/description", "from": "/name"}, "InvalidPatch"),
]


def test_what_must_not_change_is_refused(ws, model_file, call):
    """A patch of a set property, or of what is not a field to change, alters nothing."""
    register(ws, "model.pkl", properties={"p": "1"})
    for operation, code in PATCHES:
        answer = call("PATCH", MMS, "/models/digits%3A1", json=[operation])
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        kept = call("GET", MMS, "/models/digits%3A1").json()
        assert (kept["properties"], kept["version"]) == ({"p": "1"}, 1)


NARROWED = [
    ({}, ["b:1", "a:2", "a:1"]),
    ({"name": "a"}, ["a:2", "a:1"]),
    ({"latest": True}, ["b:1", "a:2"]),
    ({"tags": ["color"]}, ["b:1", "a:1"]),
    ({"tags": [["color", "red"]]}, ["a:1"]),
    ({"tags": ["color", ["size", "2"]]}, ["b:1"]),
    ({"tags": [["color", "red"]], "latest": True}, ["a:1"]),
    ({"properties": [["p", "1"]]}, ["a:2"]),
    ({"model_framework": "Onnx"}, ["b:1"]),
    ({"run_id": "r"}, ["b:1"]),
    ({"run_id": "none"}, []),
    ({"dataset_id": "d"}, ["b:1"]),
    ({"dataset_id": "none"}, []),
]


def test_the_list_can_be_narrowed(ws, register_nothing):
    """Each filter of Model.list keeps what fits, the newest first."""
    from azureml.core import Model

    register_nothing("a", kvTags={"color": "red"})
    register_nothing("a", properties={"p": "1"})
    tags = {"color": "blue", "size": "2"}
    register_nothing("b", kvTags=tags, framework="Onnx", runId="r", datasets=[{"id": "d"}])
    for query, expected in NARROWED:
        found = Model.list(ws, **query, expand=False)
        assert [model.id for model in found] == expected, query


def test_a_list_longer_than_a_page_is_whole(ws, register_nothing):
    """The SDK follows the links to further pages, and finds each model once."""
    from azureml.core import Model

    for index in range(45):
        register_nothing(f"m{index}")
    found = [model.name for model in Model.list(ws, page_count=20)]
    assert found == [f"m{index}" for index in reversed(range(45))]


def test_a_page_begins_where_the_last_ended(register_nothing, call):
    """A model that is registered meanwhile moves nothing to another page."""
    for _ in range(3):
        register_nothing("digits")
    page = call("GET", MMS, "/models", params={"count": 2}).json()
    register_nothing("digits")
    token = parse_qs(urlsplit(page["nextLink"]).query)["$skipToken"]
    rest = call("GET", MMS, "/models", params={"count": 2, "$skipToken": token}).json()
    assert [model["version"] for model in page["value"] + rest["value"]] == [3, 2, 1]
    assert rest["nextLink"] is None


def test_the_longest_name_can_be_registered(ws, register_nothing):
    """A name may have 255 characters, and two of them may differ in the last one alone."""
    from azureml.core import Model

    names = ["n" * 254 + last for last in "ab"]
    for name in names:
        register_nothing(name)
    assert [Model(ws, name).name for name in names] == names


@pytest.mark.parametrize(
    "query", [{"count": 0}, {"count": 256}, {"$skipToken": "odd"}, {"$skipToken": "YQ=="}]
)
def test_an_impossible_page_is_refused(call, query):
    """A page size out of bounds, or a token that was never given out, is a bad request."""
    assert call("GET", MMS, "/models", params=query).status_code == 400


def test_a_deleted_model_is_gone(ws, model_file, call):
    """It is not found afterwards, and to delete it once more is no error."""
    from azureml.core import Model
    from azureml.exceptions import WebserviceException

    register(ws, "model.pkl").delete()
    with pytest.raises(WebserviceException, match="ModelNotFound: Model with name digits"):
        Model(ws, "digits")
    assert call("DELETE", MMS, "/models/digits%3A1").status_code == 204


def test_a_model_in_use_cannot_be_deleted(ws, model_file, offline):
    """While a service is made of it, a model stays, and the answer names the service."""
    from azureml.exceptions import WebserviceException

    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.service_places import ACI

    model = register(ws, "model.pkl")
    services = Store(offline.folder).documents("services")
    image = {"modelIds": ["digits:1"]}
    wanted = {"name": "reader", "location": "eastus", "environmentImageRequest": image}
    services.put("reader", ACI.new_document(wanted))
    with pytest.raises(WebserviceException) as caught:
        model.delete()
    assert "Response Code: 412" in str(caught.value)
    services.delete("reader")
    model.delete()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"name": "other"}, "ModelNotFound: Model with name other not found"),
        ({"name": "digits", "version": 9}, "ModelNotFound: Model with id digits:9 not found"),
        ({"id": "digits:8"}, "ModelNotFound: Model with id digits:8 not found"),
        ({"name": "digits", "tags": ["no"]}, "ModelNotFound: Model with name digits"),
    ],
)
def test_what_is_not_there_is_not_found(ws, model_file, query, words):
    """By name, version, id and tag, the SDK says ModelNotFound."""
    from azureml.core import Model
    from azureml.exceptions import WebserviceException

    register(ws, "model.pkl")
    with pytest.raises(WebserviceException, match=words):
        Model(ws, **query)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "-bad", "url": "aml://asset/1"}, "InvalidModelName"),
        ({"name": "good", "url": "aml://asset/missing"}, "AssetNotFound"),
    ],
)
def test_a_model_of_nothing_is_refused(call, body, code):
    """A name that breaks the rule, or an asset that is not there, registers nothing."""
    assert call("POST", MMS, "/models", json=body).json()["code"] == code
    assert call("GET", MMS, "/models").json()["value"] == []
