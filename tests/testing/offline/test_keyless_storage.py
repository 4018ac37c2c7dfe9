"""Storage that permits no keys: what both SDKs and modelship do with it, and what it refuses."""

from __future__ import annotations

import pytest
import requests
from offline_services import trusting_only

import modelship as ms
from modelship.errors import WorkspaceRequestError
from modelship.testing import Fault, OfflineWorkspace, named_fault
from modelship.workspace.ml_workspace import open_ml

pytest.importorskip("azure.ai.ml")

REFUSED = "KeyBasedAuthenticationNotPermitted"
DIGEST = "ab" * 32


@pytest.fixture(scope="module")
def offline(tmp_path_factory, sdk_home):
    """Open one workspace whose datastores are used with the token of the caller."""
    folder = tmp_path_factory.mktemp("keyless") / "offline"
    options = {"system_datastores_auth_mode": "identity"}
    with OfflineWorkspace(folder, **options) as workspace, trusting_only(workspace):
        yield workspace


@pytest.fixture
def folder(tmp_path):
    """Return a folder with two files, one of them below."""
    (tmp_path / "net" / "below").mkdir(parents=True)
    (tmp_path / "net" / "weights").write_text("w")
    (tmp_path / "net" / "below" / "more").write_text("m")
    return tmp_path / "net"


def files_below(folder):
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


def test_the_sdk_uses_its_token(offline, folder, tmp_path):
    """For a model, its download, and the code of a deployment."""
    from azure.ai.ml.entities import Model
    from azure.ai.ml.entities._assets import Code

    client = offline.ml_client()
    found = client.workspaces.get(offline.identity.workspace_name)
    assert found.system_datastores_auth_mode == "identity"
    client.models.create_or_update(Model(name="sdk", path=str(folder)))
    client.models.download("sdk", "1", download_path=str(tmp_path / "back"))
    assert files_below(tmp_path / "back" / "sdk" / "net") == files_below(folder)
    assert client._code.create_or_update(Code(name="code", version="1", path=str(folder))).id


def test_modelship_uses_its_token(offline, folder, tmp_path):
    """As the SDK does; the model is the same for SDK v1, which downloads by signed addresses."""
    opened = open_ml(offline.config_path)
    found = opened.register(folder, name="ours", tags={}, properties={})
    assert opened.put_code(folder, DIGEST) == opened.code(DIGEST)
    for number, each in enumerate((opened, ms.Workspace.open(offline.config_path))):
        back = tmp_path / str(number)
        back.mkdir()
        each.download(found.model_id, back)
        assert files_below(back / "net") == files_below(folder)


def test_keys_and_what_they_signed_are_refused(offline, tmp_path):
    """The addresses of the time before, too; a signature cannot be passed off as another."""
    access, identity = offline._shared.access, offline.identity
    container = f"{offline.endpoint}/azureml-blobstore-{identity.workspace_id}"
    listing = f"{container}?restype=container&comp=list"
    token = {"Authorization": f"Bearer {access.token(lifetime_s=60)}"}
    assert requests.get(listing, headers=token, timeout=30).status_code == 200
    key = {"Authorization": f"SharedKey {identity.storage_account}:AAAA"}
    signed = "sr=c&sp=racwdl&se=2999-01-01T00:00:00Z&sig=00"
    for url, headers in ((listing, key), (f"{listing}&{signed}", {}), (listing, {})):
        found = requests.get(url, headers=headers, timeout=30)
        assert (found.status_code, found.headers["x-ms-error-code"]) == (403, REFUSED)
    for url, headers, status in (
        (f"{listing}&{signed}&skoid={identity.workspace_id}", {}, 403),
        (f"{listing}&skoid=x", key, 403),
        (listing, {"Authorization": "Bearer odd"}, 401),
    ):
        found = requests.get(url, headers=headers, timeout=30)
        assert (found.status_code, REFUSED in found.text) == (status, False)


def test_a_datastore_has_no_secret(offline):
    """Neither SDK is given the key."""
    path = f"{offline.endpoint}{offline.identity.path}/datastores/workspaceblobstore/listSecrets"
    token = {"Authorization": f"Bearer {offline._shared.access.token(lifetime_s=60)}"}
    asked = {"expirableSecret": True}
    found = requests.post(path, json=asked, headers=token, timeout=30)
    assert (found.status_code, "has no secret" in found.text) == (400, True)
    assert offline.workspace().get_default_datastore().account_key is None


def test_keys_that_are_refused_against_the_workspace(tmp_path, folder, sdk_home):
    """The datastores still use the key: modelship takes its token, the SDK says what to change."""
    from azure.ai.ml.entities import Model

    with OfflineWorkspace(tmp_path / "offline") as offline:
        offline.faults.plant(named_fault(REFUSED, times=None))
        opened = open_ml(offline.config_path)
        found = opened.register(folder, name="ours", tags={}, properties={})
        assert opened.put_code(folder, DIGEST) == opened.code(DIGEST)
        (tmp_path / "back").mkdir()
        opened.download(found.model_id, tmp_path / "back")
        assert files_below(tmp_path / "back" / "net") == files_below(folder)
        with pytest.raises(Exception, match=REFUSED):
            offline.ml_client().models.create_or_update(Model(name="sdk", path=str(folder)))


def test_a_missing_role_on_storage_is_named(offline, folder):
    """Storage refuses the token of who may only read the workspace."""
    code = "AuthorizationPermissionMismatch"
    offline.faults.plant(Fault("blobs.put", status=403, code=code, message="Not authorized."))
    with pytest.raises(WorkspaceRequestError) as caught:
        open_ml(offline.config_path).register(folder / "weights", name="x", tags={}, properties={})
    assert "Storage Blob Data Contributor" in caught.value.hint
    offline.faults.clear()


def test_addresses_outlive_a_change_of_the_mode(tmp_path, folder):
    """What a delegate has signed opens a workspace that permits its key, and not the other way."""
    status = {}
    for mode in ("accesskey", "identity", "accesskey"):
        options = {"system_datastores_auth_mode": mode}
        with OfflineWorkspace(tmp_path / "offline", **options) as offline:
            address = offline._shared.guard.signed_container("azureml", permissions="r")
            status.setdefault(mode, f"restype=container&comp=list&{address}")
            for of, query in status.items():
                url = f"{offline.endpoint}/azureml?{query}"
                expected = 403 if (mode, of) == ("identity", "accesskey") else 200
                assert requests.get(url, timeout=30).status_code == expected, (mode, of)
