"""An MLflow model that doubles what it gets, and how the tests register it."""

from __future__ import annotations

import sys

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
DESCRIPTION = """
flavors:
  python_function:
    loader_module: doubling
    code: code
    env:
      conda: conda.yaml
"""
CONDA = f"""
dependencies:
  - python={PYTHON}
  - pip
  - pip:
    - mlflow-skinny
    - numpy
"""
CODE = """
class Model:
    def predict(self, model_input, params=None):
        return model_input * 2

def _load_pyfunc(path):
    return Model()
"""
FILES = {"MLmodel": DESCRIPTION, "conda.yaml": CONDA, "code/doubling.py": CODE}


def registered(online, name, files, *, kind="MLFlowModel"):
    """Register a model with these files in a folder; return its id."""
    store = online.offline._shared.store
    prefix = f"LocalUpload/{name}/folder"
    for path, text in files.items():
        store.new_blob(f"{prefix}/{path}").write_text(text)
    store.documents("assets").put(name, {"id": name, "artifacts": [{"prefix": f"{prefix}/"}]})
    document = {"id": f"{name}:1", "name": name, "version": 1, "url": f"aml://asset/{name}"}
    document |= {"createdTime": "2026-01-01T00:00:00Z", "kvTags": {}, "properties": {}}
    return online.asset("models", name, document | {"datasets": [], "v2": {"modelType": kind}})
