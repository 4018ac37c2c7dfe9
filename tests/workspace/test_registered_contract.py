"""The source ``azureml:`` keeps the source contract, through either SDK."""

import pytest

from modelship.testing import OfflineWorkspace, SourceContract
from modelship.workspace.either_sdk import open_registry
from modelship.workspace.ml_workspace import open_ml


class TestRegistered(SourceContract):
    scheme = "azureml"
    # test_registered.py asks the like of SDK v1, and the clauses below of v2, in the gate.
    long_clauses = tuple(f"s{each:02}" for each in range(2, 12))

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def workspace(cls, tmp_path_factory):
        with OfflineWorkspace(tmp_path_factory.mktemp("workspace")) as offline:
            cls.options = {"workspace": offline.config_path}
            yield offline

    def put(self, folder, file_name, content):
        (folder / file_name).write_bytes(content)
        name = folder.parent.name.replace("_", "-")
        opened = open_registry(**self.options)
        opened.register(folder / file_name, name=name, tags={}, properties={})
        return f"azureml:{name}"

    def missing(self, folder):
        return "azureml:none"


class TestRegisteredV2(TestRegistered):
    long_clauses = ()

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def workspace(cls, tmp_path_factory):
        with OfflineWorkspace(tmp_path_factory.mktemp("workspace")) as offline:
            cls.options = {"workspace": open_ml(offline.config_path)}
            yield offline
