"""Load a bundle's scoring script into this process, as Azure ML's server does."""

from __future__ import annotations

import importlib.util
import inspect
import os
import shutil
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.bundle.layout import model_dir
from modelship.bundle.store import stage
from modelship.testing.thread_output import captured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

    from modelship.bundle import ScoringBundle
    from modelship.testing.thread_output import Log

__all__ = ["Script"]

# os.environ, sys.path and sys.modules are shared by all services of this process.
_LOADING = threading.Lock()

_HEADERS = "request_headers"


class Script:
    """The script of one service, in a folder of its own.

    Parameters
    ----------
    bundle : ScoringBundle
        What to lay out in a new temporary folder.
    module_name : str
        The name that the script is imported under; unique in this process.
    log : Log
        Takes what the script prints.
    variables : Mapping[str, str]
        What it finds in its environment besides, when it is imported and in ``init()``.

    Raises
    ------
    DigestMismatchError
        If a model file is not what it was when the bundle was made.
    """

    def __init__(
        self, bundle: ScoringBundle, *, module_name: str, log: Log, variables: Mapping[str, str]
    ) -> None:
        self._module_name = module_name
        self._log = log
        self._entry_script = bundle.entry_script
        self._folder = Path(tempfile.mkdtemp(prefix="modelship-memory-"))
        self._environment = {
            **variables,
            "AML_APP_ROOT": str(self._folder),
            "AZUREML_MODEL_DIR": str(self._folder / model_dir(bundle.models)),
        }
        self._one_at_a_time = threading.Lock()
        try:
            stage(bundle, self._folder)
        except BaseException:
            self.remove()
            raise

    def load(self) -> None:
        """Import the script and call its ``init()``; whatever that raises passes."""
        with _LOADING, captured(self._log), _as_in_service(self._folder, self._environment):
            module = self._import()
            self._run, self._input, self._takes_headers = _judge(module)
            module.init()

    def run(self, raw_data: str, headers: Mapping[str, str]) -> Any:
        """Call the script's ``run()``, one call at a time; whatever that raises passes."""
        arguments: dict[str, object] = {self._input: raw_data}
        if self._takes_headers:
            arguments[_HEADERS] = {name.title(): value for name, value in headers.items()}
        with self._one_at_a_time, captured(self._log):
            return self._run(**arguments)

    def remove(self) -> None:
        """Remove the folder and the module; again does no harm."""
        sys.modules.pop(self._module_name, None)
        sys.path_importer_cache.pop(str(self._folder), None)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _import(self) -> ModuleType:
        path = self._folder / self._entry_script
        spec = importlib.util.spec_from_file_location(self._module_name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{self._entry_script} is not a Python module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[self._module_name] = module
        spec.loader.exec_module(module)
        return module


def _judge(module: ModuleType) -> tuple[Callable[..., Any], str, bool]:
    """Return run(), its parameter for the input, and whether it takes the headers too.

    The sentences are those of Azure ML's server.
    """
    for function in ("init", "run"):
        if not hasattr(module, function):
            raise TypeError(
                f"User script at {module.__file__} does not have a {function}() function defined."
            )
    parameters = inspect.signature(module.run).parameters
    by_name = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    if not {each.kind for each in parameters.values()} <= by_name:
        raise TypeError("run() cannot accept positional-only arguments, *args, or **kwargs.")
    inputs = [name for name in parameters if name != _HEADERS]
    if not inputs:
        raise TypeError("run() needs to accept an argument for input data.")
    return module.run, inputs[0], _HEADERS in parameters


@contextmanager
def _as_in_service(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Lend the script the environment, search path and modules that it has in a service."""
    before = {name: os.environ.get(name) for name in environment}
    search_path = sys.path[:]
    own = {path.stem for path in folder.iterdir()}
    aside = _take_modules(own)
    os.environ.update(environment)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = search_path
        _take_modules(own)
        sys.modules.update(aside)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _take_modules(top_level: set[str]) -> dict[str, ModuleType]:
    """Take the modules that lie below these top-level names out of sys.modules."""
    found = [name for name in sys.modules if name.partition(".")[0] in top_level]
    return {name: sys.modules.pop(name) for name in found}
