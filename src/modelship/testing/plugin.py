"""Provide pytest fixtures for tests of your own deployments.

pytest loads it wherever modelship is installed. It imports nothing until a test requests one of its
fixtures.

``modelship_home``
    A folder for everything that modelship stores on this machine during one test, so that the test
    neither sees nor changes your own deployments.
``memory_target``
    The target ``memory``; whatever a test deploys on it is removed after the test.
``azureml_offline``
    An :class:`~modelship.testing.offline.OfflineWorkspace`: an Azure ML workspace on this machine,
    new for each test and sealed, which runs services as processes. The environments of services are
    kept in modelship's cache, so that only the first test installs them. It needs the extra
    ``offline``.

::

    from modelship.testing import offline_bundle


    def test_my_service_answers(memory_target, my_bundle):
        deployment = memory_target.deploy(offline_bundle(my_bundle), name="my-service")
        assert deployment.run({"data": [[1, 2]]}) == [3]


    def test_my_training_script_registers_its_model(azureml_offline):
        run_training(azureml_offline.workspace())
        assert Model(azureml_offline.workspace(), "my-model").version == 1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelship.targets import DeployTarget
    from modelship.testing.offline.offline_workspace import OfflineWorkspace

__all__ = ["azureml_offline", "memory_target", "modelship_home"]


@pytest.fixture
def modelship_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a new folder that ``MODELSHIP_HOME`` points to during the test."""
    home = tmp_path / "modelship-home"
    home.mkdir()
    monkeypatch.setenv("MODELSHIP_HOME", str(home))
    return home


@pytest.fixture
def memory_target(modelship_home: Path) -> Iterator[DeployTarget]:  # noqa: ARG001 - isolates the locks
    """Return the target ``memory``; whatever the test deploys on it is removed afterwards."""
    from modelship.targets import DeployTarget

    target = DeployTarget.open("memory")
    before = {deployment.name for deployment in target.list()}
    yield target
    for deployment in target.list():
        if deployment.name not in before:
            deployment.delete(missing_ok=True)


@pytest.fixture
def azureml_offline(tmp_path: Path) -> Iterator[OfflineWorkspace]:
    """Yield a new, empty Azure ML workspace on this machine; it is closed after the test."""
    from modelship.testing.offline.offline_workspace import OfflineWorkspace

    with OfflineWorkspace(tmp_path / "azureml-offline") as workspace:
        yield workspace
