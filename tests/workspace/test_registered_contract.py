"""The source ``azureml:`` keeps the source contract."""

import pytest

import modelship as ms
from modelship.testing import OfflineWorkspace, SourceContract


class TestRegistered(SourceContract):
    scheme = "azureml"

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def workspace(cls, tmp_path_factory):
        with OfflineWorkspace(tmp_path_factory.mktemp("workspace")) as offline:
            cls.options = {"workspace": offline.config_path}
            yield offline

    def put(self, folder, file_name, content):
        (folder / file_name).write_bytes(content)
        told = {"tags": {}, "properties": {}, "description": ""}
        told |= {"framework": None, "framework_version": None}
        opened = ms.Workspace.open(**self.options)
        name = folder.parent.name.replace("_", "-")
        opened._sdk.register(folder / file_name, name=name, **told)
        return f"azureml:{name}"

    def missing(self, folder):
        return "azureml:none"
