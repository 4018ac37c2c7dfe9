"""Import the exporter of Application Insights when it is used. Runs in the serving environment.

Azure ML's server imports ``azure.monitor.opentelemetry.exporter`` and OpenTelemetry at its start,
which takes longer than all its other imports, and uses them only with Application Insights. Once
these imports have succeeded in an environment, servers without Application Insights that start
there import them on first use. Where they fail, every server fails at its start, as on Azure.

On this machine the first server of an environment tries the import. For an image its build does,
by running this file, which is then part of the image: there it is a settings file of gunicorn, and
other settings files load it.

This imports nothing of modelship and nothing outside the standard library.
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
_IMPORTED = Path(sys.prefix) / ".modelship-exporter-modules"
"""Has the modules that the import loaded, one per line, once it has succeeded."""

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
                _offer_submodules()
                return
            del module.__builtins__
        before = set(sys.modules)
        self._loader.exec_module(module)
        _remember(set(sys.modules) - before)


def _is_known() -> bool:
    """Return whether the import succeeded here, and files of the bundle replace none of it."""
    if os.environ.get("PYTHONPATH"):
        return False
    try:
        packages = {each.partition(".")[0] for each in _imported()}
    except (OSError, ValueError):
        return False
    root = Path(os.environ.get("AML_APP_ROOT", "."))
    own = {each.name.partition(".")[0] for each in root.iterdir()}
    return own.isdisjoint(packages)


def _imported() -> "list[str]":
    return _IMPORTED.read_text(encoding="utf-8").split()


def _offer_submodules() -> None:
    """Let scripts use ``urllib.request`` after ``import urllib`` alone, as where it is loaded."""
    offered: dict[str, set[str]] = {}
    for each in _imported():
        package, _, name = each.rpartition(".")
        if package and each not in sys.modules and _is_of_python(package.partition(".")[0]):
            offered.setdefault(package, set()).add(name)
    for package, names in offered.items():
        _offer(importlib.import_module(package), names)


@lru_cache  # asked for each of hundreds of modules, which few packages have
def _is_of_python(top: str) -> bool:
    found = importlib.util.find_spec(top)
    return (
        found is not None
        and str(found.origin).startswith(str(Path(os.__file__).parent))
        and ("site-packages" not in str(found.origin))
    )


def _offer(package: Any, names: "set[str]") -> None:
    """Import the submodules `names` of a package when they are asked for."""

    def found(name: str) -> Any:
        if name in names:
            return importlib.import_module(f"{package.__name__}.{name}")
        raise AttributeError(f"module {package.__name__!r} has no attribute {name!r}")

    if not hasattr(package, "__getattr__"):
        package.__getattr__ = found


def _remember(loaded: "set[str]") -> None:
    exporter = sys.modules.get(_EXPORTER)
    if exporter is None or not str(exporter.__file__).startswith(sys.prefix):
        return  # an older server has another one, and a bundle may have its own
    draft = _IMPORTED.with_name(f"{_IMPORTED.name}.{os.getpid()}")
    with suppress(OSError):  # the environment may not be writable
        draft.write_text("\n".join(sorted(loaded)))
        draft.replace(_IMPORTED)


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
    importlib.import_module(_CLIENT)
    _remember(set(sys.modules))

if __name__ == "__config__":  # the name that gunicorn gives its settings file
    install()
    _beside = Path("gunicorn.conf.py")  # gunicorn's default if no other file is given
    _theirs = runpy.run_path(str(_beside)) if _beside.is_file() else {}
    for _name in _theirs.keys() - globals().keys():
        globals()[_name] = _theirs[_name]
