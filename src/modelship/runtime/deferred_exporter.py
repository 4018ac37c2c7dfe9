"""Import the exporter of Application Insights when it is used. Runs in the serving environment.

Azure ML's server imports ``azure.monitor.opentelemetry.exporter`` at its start, which takes as long
as all its other imports, and uses it only with Application Insights. Once that import has succeeded
in an environment, servers that start there import it on first use. Where it fails, every server
fails at its start, as on Azure.

On this machine the first server of an environment tries the import. For an image its build does,
by running this file, which is then part of the image: there it is a settings file of gunicorn, and
other settings files load it.

This imports nothing of modelship and nothing outside the standard library.
"""

import importlib
import importlib.util
import os
import runpy
import sys
import types
from contextlib import suppress
from pathlib import Path
from typing import Any

_CLIENT = "azureml_inference_server_http.server.appinsights_client"
_EXPORTER = "azure.monitor.opentelemetry.exporter"
_CLASSES = ("AzureMonitorLogExporter", "AzureMonitorTraceExporter")
_IMPORTED = Path(sys.prefix) / ".modelship-exporter-imported"
"""Has the packages that the import loaded, one per line, once it has succeeded."""

_finders: Any = sys.meta_path  # of classes in the types, and also of objects


def install() -> None:
    """Defer the import of the exporter in the module that uses it, and nowhere else."""
    _finders.insert(0, _Finder())


class _Finder:
    """Finds the module that uses the exporter as the other finders do, with another loader."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        if name != _CLIENT:
            return None
        _finders.remove(self)
        spec: Any = importlib.util.find_spec(name)
        if spec is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader:
    """Executes a module with a placeholder for the exporter, or with the exporter itself."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        if _EXPORTER in sys.modules or not _is_known():
            before = set(sys.modules)
            self._loader.exec_module(module)
            _remember(set(sys.modules) - before)
            return
        sys.modules[_EXPORTER] = _placeholder()
        try:
            self._loader.exec_module(module)
        finally:
            del sys.modules[_EXPORTER]


def _is_known() -> bool:
    """Return whether the import succeeded here, and files of the bundle replace none of it."""
    if os.environ.get("PYTHONPATH"):
        return False
    try:
        packages = _IMPORTED.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return False
    root = Path(os.environ.get("AML_APP_ROOT", "."))
    own = {each.name.partition(".")[0] for each in root.iterdir()}
    return own.isdisjoint(packages)


def _remember(loaded: "set[str]") -> None:
    exporter = sys.modules.get(_EXPORTER)
    if exporter is None or not str(exporter.__file__).startswith(sys.prefix):
        return  # an older server has another one, and a bundle may have its own
    draft = _IMPORTED.with_name(f"{_IMPORTED.name}.{os.getpid()}")
    with suppress(OSError):  # the environment may not be writable
        draft.write_text("\n".join(sorted({each.partition(".")[0] for each in loaded})))
        draft.replace(_IMPORTED)


def _placeholder() -> types.ModuleType:
    module = types.ModuleType(_EXPORTER)
    for name in _CLASSES:
        setattr(module, name, _deferred(name))
    return module


def _deferred(name: str) -> Any:
    def create(*arguments: Any, **options: Any) -> Any:
        return getattr(importlib.import_module(_EXPORTER), name)(*arguments, **options)

    return create


if __name__ == "__main__":
    importlib.import_module(_EXPORTER)
    _remember(set(sys.modules))

if __name__ == "__config__":  # the name that gunicorn gives its settings file
    install()
    _beside = Path("gunicorn.conf.py")  # gunicorn's default if no other file is given
    _theirs = runpy.run_path(str(_beside)) if _beside.is_file() else {}
    for _name in _theirs.keys() - globals().keys():
        globals()[_name] = _theirs[_name]
