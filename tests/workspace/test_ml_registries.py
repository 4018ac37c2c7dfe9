"""A model of a registry is fetched as azure-ai-ml fetches it, from a scripted registry."""

import json

import pytest
import requests
from scripted_http import scripted

from modelship.errors import (
    InvalidNameError,
    InvalidOptionError,
    ModelNotFoundError,
    RegistryNotFoundError,
    WorkspaceRequestError,
)
from modelship.sources import ModelSource
from modelship.sources.registered import RegisteredSource, register_model
from modelship.targets.online_endpoint.az_yaml.registered_environments import registered_conda
from modelship.workspace.clouds import Cloud
from modelship.workspace.ml_registries import MlRegistry, open_ml_registry

AT = "/mferp/managementfrontend/subscriptions/s/resourceGroups/g/providers/"
AT += "Microsoft.MachineLearningServices/registries/shared"
ACCOUNT = "https://account.blob.core.windows.net/container"


ABSENT = (404, {}, {"error": {"code": "UserError", "message": "not found"}})
CONFLICT = (409, {}, {"error": {"message": "version 1 is already created and is immutable"}})


def registry_at(url):
    cloud = Cloud("Test", "https://arm", "https://ml.azure.com", "core.windows.net", url)
    return MlRegistry("shared", cloud, lambda scope: scope, session=requests.Session())


def discovery(region):
    names = {"subscriptionId": "s", "resourceGroup": "g"}
    return (200, {}, {**names, "primaryRegionResourceProviderUri": f"{region}/"})


def version(number):
    return {"name": str(number), "properties": {"modelUri": f"{ACCOUNT}/some%20path/net.bin"}}


def listed(*names):
    blobs = "".join(f"<Blob><Name>{name}</Name></Blob>" for name in names)
    return (200, {}, f"<R><Blobs>{blobs}</Blobs></R>".encode())


def test_a_model_of_a_registry_is_fetched(tmp_path):
    """Discovery, the versions, a signature for the files, and the files, each with its token."""
    replies = [(200, {}, {"value": [version(2), version(10)]}), (200, {}, version(10)), None,
               listed("some path/net.bin"), (200, {}, b"weights")]  # fmt: skip
    with scripted(None, *replies) as (url, asked, script):
        script[0] = discovery(url)
        given = {"credential": {"credentialType": "SAS", "sasUri": f"{url}/container?sig=s"}}
        script[3] = (200, {}, {"blobReferenceForConsumption": given})
        source = RegisteredSource(
            "net", version=None, open_workspace=lambda: registry_at(url), registry="shared"
        )
        model = source.fetch(tmp_path)
    assert model.path.read_bytes() == b"weights"
    assert (model.name, model.version) == ("net", "10")
    assert model.origin == "azureml://registries/shared/models/net/versions/10"
    tokens = [headers.get("Authorization") for _, _, headers, _ in asked]
    assert tokens == ["Bearer https://ml.azure.com/.default"] + 3 * [
        "Bearer https://arm/.default"
    ] + 2 * [None]
    assert asked[1][1].startswith(f"{AT}/models/net/versions?")
    assert json.loads(asked[3][3])["assetId"] == model.origin


def test_an_archived_version_is_found_by_its_number():
    """The list of versions does not have it."""
    with scripted(None, (200, {}, version(2))) as (url, asked, script):
        script[0] = discovery(url)
        assert registry_at(url).model("net", 2).version == 2
    assert asked[1][1].startswith(f"{AT}/models/net/versions/2?")


def test_the_latest_version_is_the_one_created_last():
    """As for azure-ai-ml; of equal age, it is the one with the highest number."""
    created = ["2026-01-02", "2026-01-03", "2026-01-03", "2026-01-01"]
    found = [version(each) | {"systemData": {"createdAt": at}} for each, at in enumerate(created)]
    with scripted(None, (200, {}, {"value": found})) as (url, _, script):
        script[0] = discovery(url)
        assert [each.version for each in registry_at(url).models("net")] == [2, 1, 0, 3]


def made(number, digest):
    return (200, {}, {**version(number), "properties": {"properties": {"digest": digest}}})


@pytest.mark.parametrize("rival", [[CONFLICT], [(202, {}, {}), made(1, "theirs")]])
def test_a_version_that_a_rival_takes_is_not_ours(tmp_path, rival):
    """Whether it is refused, or has the rival's content in the end: the next one is."""
    (tmp_path / "net.bin").write_bytes(b"ours")
    with scripted(*[None] * 4, *rival, None, None, (202, {}, {}), made(2, "ours")) as (
        url, asked, script,
    ):  # fmt: skip
        given = {"credential": {"sasUri": f"{url}/container?sig=s"}}
        upload = [(200, {}, {"blobReferenceForConsumption": given}), (201, {}, b"")]
        script[:4] = [discovery(url), ABSENT, *upload]
        script[4 + len(rival) : 6 + len(rival)] = upload
        found = registry_at(url).register(
            tmp_path / "net.bin", name="net", tags={}, properties={"digest": "ours"}
        )
    assert (found.version, script) == (2, [])
    uris = [json.loads(body)["properties"]["modelUri"] for _, path, _, body in asked
            if path.startswith(f"{AT}/models/net/versions/") and body]  # fmt: skip
    assert len(set(uris)) == 2
    assert all(each.endswith("/net.bin") for each in uris)


def test_a_registry_that_lacks_it_says_so():
    """A missing version names those there are; a missing registry is not called a workspace."""
    with scripted(None, ABSENT, (200, {}, {"value": [version(1)]})) as (url, _, script):
        script[0] = discovery(url)
        with pytest.raises(ModelNotFoundError, match="net:1"):
            registry_at(url).model("net", 2)
    none = pytest.raises(RegistryNotFoundError, match="no Azure ML registry 'shared'")
    with scripted(ABSENT) as (url, *_), none:
        registry_at(url).model("net")
    failed = pytest.raises(WorkspaceRequestError, match="The registry 'shared' refused to list")
    with scripted((400, {}, {})) as (url, *_), failed:
        registry_at(url).models()


def test_the_token_goes_to_no_address_without_tls():
    """A discovery that names a region by http is not believed."""
    wrong = pytest.raises(WorkspaceRequestError, match="names no region")
    with scripted(discovery("http://elsewhere.example")) as (url, *_), wrong:
        registry_at(url).model("net")


def test_the_uri_names_a_model_and_takes_no_workspace():
    """Without a version or with the label latest it is the latest."""
    for rest, expected in (("", ""), ("/labels/latest", ""), ("/versions/3", "/versions/3")):
        uri = f"azureml://registries/shared/models/net{rest}"
        found = ModelSource.open(uri).location
        assert found == f"azureml://registries/shared/models/net{expected}"
    with pytest.raises(InvalidOptionError, match="in a registry"):
        ModelSource.open("azureml://registries/shared/models/net", workspace_name="w")
    with pytest.raises(InvalidOptionError, match="registries/REGISTRY"):
        ModelSource.open("azureml://registries/shared")


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a b", "x" * 34])
def test_no_request_has_an_invalid_name_of_a_registry(name):
    """It is refused before anything is opened; an empty one is not the workspace."""
    with pytest.raises(InvalidNameError, match="registry name"):
        open_ml_registry(name)
    with pytest.raises(InvalidNameError, match="registry name"):
        register_model(None, registry=name)


@pytest.mark.parametrize("name", ["", "..", "a b"])
def test_a_uri_has_a_valid_name_of_a_registry(name):
    """That of a model, and that of an environment."""
    with pytest.raises(InvalidNameError, match="registry name"):
        ModelSource.open(f"azureml://registries/{name}/models/net")
    uri = f"azureml://registries/{name}/environments/env/labels/latest"
    with pytest.raises(InvalidNameError, match="registry name"):
        registered_conda(uri, open_workspace=lambda: None)
