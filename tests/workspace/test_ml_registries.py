"""A model of a registry is fetched as azure-ai-ml fetches it, from a scripted registry."""

import json

import pytest
import requests
from scripted_http import scripted

from modelship.errors import InvalidOptionError, ModelNotFoundError, WorkspaceRequestError
from modelship.sources import ModelSource
from modelship.sources.registered import RegisteredSource
from modelship.workspace.clouds import Cloud
from modelship.workspace.ml_registries import MlRegistry

AT = "/mferp/managementfrontend/subscriptions/s/resourceGroups/g/providers/"
AT += "Microsoft.MachineLearningServices/registries/shared"
ACCOUNT = "https://account.blob.core.windows.net/container"


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


def test_a_registry_that_lacks_it_says_so():
    """A missing version names those there are; a missing registry has the words of Azure."""
    with scripted(None, (200, {}, {"value": [version(1)]})) as (url, _, script):
        script[0] = discovery(url)
        with pytest.raises(ModelNotFoundError, match="net:1"):
            registry_at(url).model("net", 2)
    absent = (404, {}, {"error": {"code": "UserError", "message": "no registry shared"}})
    with scripted(absent) as (url, *_), pytest.raises(WorkspaceRequestError, match="no registry"):
        registry_at(url).model("net")


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
