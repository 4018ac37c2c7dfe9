"""Import the exporter of Application Insights when it is used. Runs in the serving environment.

Azure ML's server imports ``azure.monitor.opentelemetry.exporter`` and OpenTelemetry at its start,
which takes longer than all its other imports, and uses them only with Application Insights. If
these imports succeed in an environment, servers without Application Insights that start there
import them on first use. Where they fail, every server fails at its start, as on Azure.

This file is run once in each new environment: it imports the server, and records what that has
loaded. A copy is part of each image, next to ``offered_submodules.py``: there it is a
settings file of gunicorn, and other settings files load it.

This imports nothing outside the standard library, and of modelship only that file.
"""

import builtins
import importlib
import importlib.util
import os
import runpy
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

_CLIENT = "azureml_inference_server_http.server.appinsights_client"
_EXPORTER = "azure.monitor.opentelemetry.exporter"
_DEFERRED = frozenset({"azure", "opentelemetry"})
_ENABLED = "AML_APP_INSIGHTS_ENABLED"  # the server sets it to "false" in all other cases
_SERVER = (
    "azureml_inference_server_http.amlserver",
    "gunicorn.arbiter",
    "gunicorn.workers.sync",
    "azureml_inference_server_http.server.create_app",
    _CLIENT,
)
"""What a process of the server imports before the script; older releases do not have all of it."""
_HERE = Path(__file__).resolve()

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
    """Executes a module with placeholders for what it imports, or with the imports themselves."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        is_off = os.environ.get(_ENABLED, "false") == "false"
        if is_off and _EXPORTER not in sys.modules and _is_known():
            with suppress(Exception):  # the code of another release may need more than placeholders
                # Of this module alone: its import statements look here for what executes them.
                module.__builtins__ = {**vars(builtins), "__import__": _import}
                self._loader.exec_module(module)
                _submodules().offer_submodules()
                return
            del module.__builtins__
        self._loader.exec_module(module)


@lru_cache  # most processes need it once, and those with Application Insights do not
def _submodules() -> Any:
    beside = _HERE.with_name("offered_submodules.py")
    path = beside if beside.is_file() else _HERE.parents[1] / "server" / beside.name
    spec: Any = importlib.util.spec_from_file_location("modelship_offered_submodules", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _is_known() -> bool:
    """Return whether the import succeeded here, and files of the bundle replace none of it."""
    modules = _submodules().loaded_by_server()
    if os.environ.get("PYTHONPATH") or not {_CLIENT, _EXPORTER} <= set(modules):
        return False
    packages = {each.partition(".")[0] for each in modules}
    root = Path(os.environ.get("AML_APP_ROOT", "."))
    return packages.isdisjoint(map(_module_of, root.iterdir()))


def _module_of(path: Path) -> str:
    """Return the module that a file or a folder can be imported as; ``""`` for other names."""
    name, _, ending = path.name.partition(".")
    return "" if "." in ending and ending.endswith("py") else name


def _import(name: str, *arguments: Any) -> Any:
    """Do as ``__import__``, but return a placeholder of the module for ``from name import ...``."""
    has_names = bool(arguments[2:3] and arguments[2])
    if has_names and name.partition(".")[0] in _DEFERRED:
        return _Deferred(name)
    return builtins.__import__(name, *arguments)


class _Deferred:
    """Stands for a module, or for one of its names, which is imported on first use."""

    def __init__(self, module: str, name: str = "") -> None:
        self.__dict__.update(_module=module, _name=name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found(), name) if self._name else _Deferred(self._module, name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._found()(*arguments, **options)

    def _found(self) -> Any:
        return getattr(builtins.__import__(self._module, fromlist=[self._name]), self._name)


if __name__ == "__main__":
    for _each in _SERVER:
        with suppress(Exception):  # it then fails at the start of a server, too
            importlib.import_module(_each)
    _submodules().record_modules()

if __name__ == "__config__":  # the name that gunicorn gives its settings file
    install()
    runpy.run_path(str(_HERE.with_name("user_settings.py")))["add_user_settings"](globals())
