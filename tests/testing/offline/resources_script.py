"""Ask for the workspace by all its names, with only the SDK, and write the answers to a file."""

import json
import sys
from pathlib import Path

from azureml.core import Workspace


def told(call, *arguments, **options):
    try:
        return repr(call(*arguments, **options))
    except Exception as error:  # noqa: BLE001 - whatever the SDK makes of it
        return str(error)


ws = Workspace.from_config()
place = {"subscription_id": ws.subscription_id, "resource_group": ws.resource_group}
create = Workspace.create
found = {
    "listed": {name: len(each) for name, each in Workspace.list(ws.subscription_id).items()},
    "own": create(ws.name, location="eastus2", exist_ok=True, **place).name,
    "taken": told(create, ws.name, **place),
    "second": told(create, "second", location="westeurope", **place),
    "group": told(create, "second", **{**place, "resource_group": "other"}),
    "wrong": told(Workspace, ws.subscription_id, ws.resource_group, "wrong"),
    "removed": told(ws.delete),
}
ws.update(friendly_name="For people", description="Digits", tags={"a": "b"})
details = Workspace.from_config().get_details()
found["details"] = [details[name] for name in ("friendlyName", "description", "tags")]
Path(sys.argv[1]).write_text(json.dumps(found))
