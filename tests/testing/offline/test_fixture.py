"""The fixture azureml_offline gives each test of a user a workspace of its own."""

from __future__ import annotations

import pytest
from azureml.core import Model


# A timer that the SDK has started for another test may warn of its own code meanwhile.
@pytest.mark.filterwarnings("error", "ignore:setDaemon")
@pytest.mark.parametrize("again", [1, 2])
def test_each_test_has_an_empty_workspace(azureml_offline, tmp_path, monkeypatch, again):
    """Two tests that register under one name do not see each other, and warn of nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pkl").write_bytes(b"a model")
    ws = azureml_offline.workspace()
    assert Model.list(ws) == []
    Model.register(ws, "model.pkl", "my-model")
    assert Model(ws, "my-model").version == 1
    assert azureml_offline.folder.is_relative_to(tmp_path)
    assert azureml_offline.refused == []
