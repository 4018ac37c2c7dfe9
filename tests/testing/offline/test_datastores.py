"""Datastores and the containers behind them, through the SDK and on the wire."""

from __future__ import annotations

from base64 import b64encode
from email.utils import formatdate

import pytest
import requests

from modelship.testing.offline.offline_workspace import OfflineWorkspace

pytestmark = pytest.mark.azure


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """One workspace for all cases; each uses names of its own."""
    with OfflineWorkspace(tmp_path_factory.mktemp("datastores") / "offline") as workspace:
        yield workspace


@pytest.fixture(scope="module")
def ws(offline):
    return offline.workspace()


@pytest.fixture
def sources(here):
    """Return a folder with files, one with a name that addresses have to quote."""
    folder = here / "src"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("alpha")
    (folder / "sub" / "b é&.txt").write_text("beta")
    return folder


def test_what_is_uploaded_comes_back(ws, here, sources):
    """A folder, and files of it, by prefix; a second upload replaces only if it is told to."""
    store = ws.get_default_datastore()
    assert store.name == "workspaceblobstore"
    store.upload(str(sources), target_path="data", show_progress=False)
    (sources / "a.txt").write_text("other")
    store.upload(str(sources), target_path="data", show_progress=False)
    assert store.download("out", prefix="data", show_progress=False) == 2
    assert (here / "out" / "data" / "a.txt").read_text() == "alpha"
    assert (here / "out" / "data" / "sub" / "b é&.txt").read_text() == "beta"
    store.upload_files([str(sources / "a.txt")], target_path="data", overwrite=True)
    store.download("out", prefix="data", overwrite=True, show_progress=False)
    assert (here / "out" / "data" / "a.txt").read_text() == "other"


def test_the_datastores_that_azure_makes_are_there(ws, call):
    """By name, and in a list that shows no key."""
    from azureml.core import Datastore

    made = {"workspaceblobstore", "workspacefilestore", "workspaceartifactstore"}
    assert made <= set(ws.datastores)
    key = Datastore.get(ws, "WorkspaceBlobStore").account_key
    assert key
    assert key not in call("GET", "datastore/v1.0", "/datastores").text
    with pytest.raises(Exception, match=r"Could not find datastore nope .*has: workspaceblobstore"):
        Datastore.get(ws, "nope")


def test_a_container_is_registered_used_and_forgotten(ws, here, sources):
    """With the account's key, as notebooks do; the name is kept in lower case."""
    from azureml.core import Datastore

    own = ws.get_default_datastore()
    access = {"account_name": own.account_name, "account_key": own.account_key}
    options = {"container_name": own.container_name, **access}
    store = Datastore.register_azure_blob_container(ws, "Raw", **options)
    store.upload(str(sources), target_path="raw", show_progress=False)
    assert own.download("out", prefix="raw", show_progress=False) == 2
    with pytest.raises(Exception, match="already exists"):
        Datastore.register_azure_blob_container(ws, "raw", **options)
    ws.set_default_datastore("raw")
    Datastore.register_azure_blob_container(ws, "raw", overwrite=True, **options)
    assert ws.get_default_datastore().name == "raw"
    Datastore.get(ws, "raw").unregister()
    assert ws.get_default_datastore().name == "workspaceblobstore"


def test_a_datastore_that_cannot_be_reached_is_refused(ws):
    """Another account while it is sealed, a container that is not there, a share, an odd name."""
    from azureml.core import Datastore

    own = ws.get_default_datastore()
    access = {"account_name": own.account_name, "account_key": own.account_key}
    register = Datastore.register_azure_blob_container
    with pytest.raises(Exception, match="elsewhere is not the storage account of this"):
        register(ws, "x", "data", account_name="elsewhere", account_key="a2V5")
    with pytest.raises(Exception, match="pass create_if_not_exists=True"):
        register(ws, "x", "azureml-x", **access)
    with pytest.raises(Exception, match="name it azureml-data"):
        register(ws, "x", "data", **access)
    with pytest.raises(Exception, match="has no file shares"):
        Datastore.register_azure_file_share(ws, "x", "share", **access)
    register(ws, "made", "azureml-made", create_if_not_exists=True, **access)
    register(ws, "kept", "data", account_name="elsewhere", skip_validation=True)
    assert {"made", "kept"} <= set(ws.datastores)


def test_a_file_share_has_nothing(ws, here):
    """The sentence names what to use instead."""
    from azureml.core import Datastore

    share = Datastore.get(ws, "workspacefilestore")
    with pytest.raises(Exception, match="has no file shares: use the blob container"):
        share.download(str(here / "out"))


def test_another_kind_of_datastore_is_refused(ws):
    """With what there is, and what to do instead."""
    from azureml.core import Datastore

    login = {"tenant_id": "t", "client_id": "c", "client_secret": "s"}
    with pytest.raises(Exception, match=r"not AzureDataLake\. Copy the data to the default"):
        Datastore.register_azure_data_lake(ws, "lake", "store", **login)


def signed(store, path, *, key=None):
    """Return the status of a listing that a storage client signs."""
    from azure.core.exceptions import HttpResponseError
    from azureml._vendor.azure_storage.blob import ContainerClient

    url = f"https://{store.account_name}.blob.{store.endpoint}"
    credential = {"account_name": store.account_name, "account_key": key or store.account_key}
    client = ContainerClient(url, path, credential=credential, retry_total=0)
    try:
        list(client.list_blobs())
    except HttpResponseError as error:
        return error.status_code
    return 200


def test_only_the_accounts_key_opens_a_container(offline, ws):
    """Another key, no key, or a container that is not there."""
    store = ws.get_default_datastore()
    assert signed(store, store.container_name) == 200
    assert signed(store, store.container_name, key=b64encode(b"other").decode()) == 403
    assert signed(store, "azureml-none") == 404
    path = f"/{store.container_name}?restype=container&comp=list"
    assert requests.get(offline.endpoint + path, timeout=30).status_code == 403
    headers = {
        "Authorization": f"SharedKey {store.account_name}:",
        "x-ms-date": formatdate(usegmt=True),
    }
    assert requests.get(offline.endpoint + path, headers=headers, timeout=30).status_code == 403


def test_a_long_listing_comes_in_pages(ws, here):
    """Each page says where the next one begins, and no name is in two of them."""
    store = ws.get_default_datastore()
    (here / "many").mkdir()
    for number in range(7):
        (here / "many" / str(number)).touch()
    store.upload(str(here / "many"), target_path="many", show_progress=False)
    client = store.blob_service.get_container_client(store.container_name)
    pages = client.list_blobs(name_starts_with="many/", results_per_page=3).by_page()
    assert [len(list(page)) for page in pages] == [3, 3, 1]
    assert [each.name for each in client.walk_blobs("many", delimiter="/")] == ["many/"]


ODD = ["/etc/passwd", "a//b", "~x", "~!", "%2e%2e", "é" * 30, "a b&c=d?e#f", "...", ".hidden"]
DOTS = ["../../../up", "..", "a/./b"]


def test_a_blob_keeps_its_name(offline, ws):
    """It comes back by the same name, and nothing is written next to the folder."""
    store = ws.get_default_datastore()
    beside = sorted(offline.folder.parent.iterdir())
    for name in ODD:
        blob = store.blob_service.get_blob_client(store.container_name, f"odd/{name}")
        blob.upload_blob(name.encode(), overwrite=True)
        assert blob.download_blob().readall() == name.encode()
        blob.delete_blob()
        assert not blob.exists()
        assert sorted(offline.folder.parent.iterdir()) == beside


@pytest.mark.parametrize("name", DOTS)
def test_a_name_with_dots_leads_nowhere(offline, ws, name):
    """The client takes them out of the address, which then is not the one that it signed."""
    from azure.core.exceptions import HttpResponseError

    store = ws.get_default_datastore()
    before = set(offline.folder.rglob("*"))
    blob = store.blob_service.get_blob_client(store.container_name, f"odd/{name}")
    with pytest.raises(HttpResponseError):
        blob.upload_blob(b"x", overwrite=True)
    assert not [path for path in set(offline.folder.rglob("*")) - before if path.is_file()]


def test_a_name_that_no_disk_takes_is_refused(ws):
    """As Azure refuses one that is too long."""
    store = ws.get_default_datastore()
    blob = store.blob_service.get_blob_client(store.container_name, "x" * 300)
    with pytest.raises(Exception, match="The name of the blob is too long"):
        blob.upload_blob(b"", overwrite=True)
