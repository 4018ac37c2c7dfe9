"""The subscription, the resource group and the list around the one workspace, by Azure's names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.azure

SCRIPT = """
import json
from azureml.core import Workspace

def told(call, *arguments, **options):
    try:
        return repr(call(*arguments, **options))
    except Exception as error:
        return str(error)

ws = Workspace.from_config()
place = {"subscription_id": ws.subscription_id, "resource_group": ws.resource_group}
create = Workspace.create
found = {
    "listed": {name: len(each) for name, each in Workspace.list(ws.subscription_id).items()},
    "own": create(ws.name, location="eastus2", exist_ok=True, **place).name,
    "taken": told(create, ws.name, **place),
    "second": told(create, "second", location="westeurope", **place),
    "group": told(create, "second", **(place | {"resource_group": "other"})),
    "wrong": told(Workspace, ws.subscription_id, ws.resource_group, "wrong"),
    "removed": told(ws.delete),
}
ws.update(friendly_name="For people", description="Digits", tags={"a": "b"})
details = Workspace.from_config().get_details()
found["details"] = [details[name] for name in ("friendlyName", "description", "tags")]
print(json.dumps(found))
"""


@pytest.fixture
def found(offline, here):
    """Run the script as a user does, and return what it found."""
    shutil.copy(offline.config_path, here)
    variables = {"PATH": os.environ["PATH"], "HOME": str(here), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=variables | offline.environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_workspace_is_listed_returned_and_changed(found):
    """It is the only one; to make sure of it is no error, and its description is kept."""
    assert found["listed"] == {"offline": 1}
    assert found["own"] == "offline"
    assert found["details"] == ["For people", "Digits", {"a": "b"}]
    assert "already exists under resource group" in found["taken"]
    assert "Workspace not found." in found["wrong"]
    for made in ("second", "group"):
        assert "is the only one in its subscription" in found[made]
        assert "start `modelship azureml-offline` with another folder" in found[made]
    assert "end `modelship azureml-offline`" in found["removed"]
