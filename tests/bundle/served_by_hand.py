"""Call the run() of a bundle in this process, as a server would."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import contextmanager


@contextmanager
def served(bundle, folder, monkeypatch):
    """Yield the initialized script of a bundle of one model, whose source goes into `folder`."""
    for file in bundle.source:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(bundle.model.root))
    monkeypatch.syspath_prepend(str(folder))
    spec = importlib.util.spec_from_file_location("entry_module", folder / bundle.entry_script)
    script = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(script)
        script.init()
        yield script
    finally:
        for name in [name for name in sys.modules if name.startswith("modelship_tables")]:
            del sys.modules[name]
