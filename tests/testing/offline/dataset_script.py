"""A user's calls with datasets, in the SDK's API; a client's Python runs it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from azureml.core import Dataset, Workspace


def told(call, *arguments, **options):
    """Return the sentence of the error that a call ends in."""
    try:
        call(*arguments, **options)
    except Exception as error:  # noqa: BLE001 - whatever the SDK makes of it
        return getattr(error, "message", str(error))
    return ""


Path("src/sub").mkdir(parents=True)
Path("src/a.txt").write_text("alpha")
Path("src/sub/b é.txt").write_text("beta")
Path("src/t.csv").write_text("a,b\n1,x\n2,y\n")

ws = Workspace.from_config()
store = ws.get_default_datastore()
found = {}

uploaded = Dataset.File.upload_directory("src", (store, "data"), show_progress=False)
found["uploaded"] = sorted(uploaded.to_path())
first = Dataset.File.from_files((store, "data/**")).register(ws, "files", tags={"k": "v"})
found["taken"] = told(Dataset.File.from_files((store, "data/*")).register, ws, "files")
Dataset.File.from_files((store, "data/**")).register(ws, "files", create_new_version=True)
second = Dataset.File.from_files((store, "data/a.txt"))
second = second.register(ws, "files", create_new_version=True, description="one")
found["versions"] = [first.version, second.version, Dataset.get_by_name(ws, "files").version]
old = Dataset.get_by_name(ws, "files", version=1)
found["old"] = sorted(old.to_path())
found["by_id"] = sorted(Dataset.get_by_id(ws, first.id).to_path())
paths = old.download("down", overwrite=True)
found["down"] = sorted(str(Path(path).relative_to(Path("down").resolve())) for path in paths)
found["content"] = [Path(path).read_text() for path in paths if path.endswith("é.txt")]
second.add_tags({"z": "1"})
found["tags"] = Dataset.get_by_name(ws, "files").tags

table = Dataset.Tabular.from_delimited_files((store, "data/t.csv"))
table.register(ws, "table")
found["table"] = Dataset.get_by_name(ws, "table").to_pandas_dataframe().to_dict("list")
found["profile"] = told(table.get_profile, workspace=ws)
found["names"] = sorted(name for name in ws.datasets)
found["nope"] = told(Dataset.get_by_name, ws, "nope")
found["no_id"] = told(Dataset.get_by_id, ws, "nope")
found["local"] = told(Dataset.File.from_files, "src/a.txt")
if os.access("/dev/fuse", os.W_OK):
    with old.mount("mounted"):
        found["mounted"] = sorted(path.name for path in Path("mounted").iterdir())
second.unregister_all_versions()
found["left"] = sorted(name for name in ws.datasets)

Path(sys.argv[1]).write_text(json.dumps(found))
