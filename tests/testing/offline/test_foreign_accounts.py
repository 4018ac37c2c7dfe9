"""Storage accounts that are not the workspace's own are not answered from its store."""

from __future__ import annotations

import pytest
import requests

from modelship.testing.offline.hosts import is_foreign_account
from modelship.testing.offline.offline_workspace import OfflineWorkspace

pytestmark = pytest.mark.azure


def ask(offline, url):
    proxies = dict.fromkeys(("http", "https"), offline.environment["HTTPS_PROXY"])
    with requests.Session() as session:
        session.trust_env = False
        verify = offline.environment["REQUESTS_CA_BUNDLE"]
        return session.get(url, proxies=proxies, verify=verify, timeout=30)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_sealed_workspace_refuses_another_account(offline, scheme):
    """With a sentence in the shape of the storage service, and a record of the host."""
    answer = ask(offline, f"{scheme}://elsewhere.blob.core.windows.net/azureml/a")
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "ForeignAccount")
    assert "elsewhere.blob.core.windows.net is not the storage account" in answer.text
    assert offline.refused == ["elsewhere.blob.core.windows.net"]


def test_the_own_account_is_answered(offline):
    """By the same proxy: the blob is not there, or not to be seen."""
    own = offline.identity.storage_account
    answer = ask(offline, f"https://{own}.blob.core.windows.net/azureml/a")
    assert (answer.status_code, offline.refused) == (403, [])
    assert answer.headers["x-ms-error-code"] == "AuthenticationFailed"


def test_an_open_workspace_leads_to_another_account(monkeypatch):
    """Through the proxy before it, which is where this request ends."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with OfflineWorkspace(sealed=False) as offline:
        with pytest.raises(requests.exceptions.ProxyError):
            ask(offline, "https://elsewhere.blob.core.windows.net/azureml/a")
        assert offline.refused == []


@pytest.mark.parametrize(
    ("host", "foreign"),
    [
        ("ours.blob.core.windows.net", False),
        ("OURS.file.core.windows.net.", False),
        ("other.blob.core.windows.net", True),
        ("ours.other.blob.core.windows.net", False),
        ("management.azure.com", False),
    ],
)
def test_an_account_is_the_first_label(host, foreign):
    """Whatever the service is; other hosts of Azure are no accounts."""
    assert is_foreign_account(host, account="ours") is foreign
