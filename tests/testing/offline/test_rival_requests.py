"""Requests about one thing of a workspace that come at once, or in the middle of another."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from modelship.testing.offline.document_store import Documents

DATASTORES = "/datastores"


@pytest.fixture
def slow(monkeypatch):
    """Let those who look for documents get the answer late."""
    get = Documents.get

    def slowly(documents, key):
        found = get(documents, key)
        time.sleep(0.02)
        return found

    monkeypatch.setattr(Documents, "get", slowly)


def datastore(ws, name):
    """Return how the SDK describes a datastore on the container of the workspace."""
    own = ws.get_default_datastore()
    section = {
        "accountName": own.account_name,
        "containerName": own.container_name,
        "credentialType": "AccountKey",
        "credential": own.account_key,
    }
    return {"name": name, "dataStoreType": "AzureBlob", "azureStorageSection": section}


def test_one_of_several_makes_a_datastore(call, ws, slow):
    """The others are told that there is one."""
    wanted = datastore(ws, "raw")
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(call, "POST", "datastore/v1.0", DATASTORES, json=wanted) for _ in range(4)
        ]
        statuses = sorted(each.result().status_code for each in asked)
    assert statuses == [200, 400, 400, 400]


def test_there_is_no_moment_without_a_default_that_was_chosen(call, ws, monkeypatch):
    """It is the older one, or the new one."""
    for name in ("older", "newer"):
        made = call("POST", "datastore/v1.0", DATASTORES, json=datastore(ws, name))
        assert made.ok, made.text
    ws.set_default_datastore("older")
    put, seen = Documents.put, []

    def looking(documents, key, document):
        put(documents, key, document)
        seen.append(ws.get_default_datastore().name)

    with monkeypatch.context() as patch:
        patch.setattr(Documents, "put", looking)
        ws.set_default_datastore("newer")
    assert {*seen} == {"older", "newer"}
    assert seen[-1] == "newer"


def test_an_experiment_does_not_go_while_a_run_of_it_begins(call, monkeypatch):
    """It stays, or the run is told that it is gone."""
    found = call("POST", "history/v1.0", "/experiments/e").json()
    delete, begun = Documents.delete, []
    run = ("PATCH", "history/v1.0", "/experiments/e/runs/r")

    def late(documents, key):
        begun.append(pool.submit(call, *run, json={}))
        wait(begun, timeout=0.3)
        return delete(documents, key)

    monkeypatch.setattr(Documents, "delete", late)
    with ThreadPoolExecutor() as pool:
        path = f"/experimentids/{found['experimentId']}"
        assert call("DELETE", "history/v1.0", path).status_code == 200
        assert begun[0].result().status_code == 404
    assert call("GET", *run[1:]).status_code == 404
