"""Load and call a bundle's scoring script in this process, with parts of the server."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.bundle.layout import model_dir
from modelship.bundle.store import stage
from modelship.server.entry_script import inputs_of, script_at
from modelship.server.http_contract import (
    INTERNAL_ERROR,
    JSON,
    NOT_FAILED,
    SCRIPT_ERROR,
    HttpAnswer,
    encode,
    error,
)
from modelship.server.inputs import Refused
from modelship.server.scorer import timing
from modelship.testing.thread_output import captured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from modelship.bundle import ScoringBundle
    from modelship.server.http_contract import Request
    from modelship.testing.thread_output import Log

__all__ = ["ScriptedService"]

# All services of this process share os.environ, sys.path and sys.modules.
_LOADING = threading.Lock()


class ScriptedService:
    """The script of one service, in its own folder.

    Parameters
    ----------
    bundle : ScoringBundle
        The bundle to lay out in a new temporary folder.
    log : Log
        Receives the output of the script.
    variables : Mapping[str, str]
        Additional environment variables, set during the import and ``init()``.

    Raises
    ------
    DigestMismatchError
        If a model file has changed since the bundle was created.
    """

    def __init__(self, bundle: ScoringBundle, *, log: Log, variables: Mapping[str, str]) -> None:
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
        """Import the script and call its ``init()``; exceptions propagate."""
        with _LOADING, captured(self._log), _as_in_service(self._folder, self._environment):
            module = script_at(str(self._folder / self._entry_script))
            self._run, self._inputs = module.run, inputs_of(module.run)
            module.init()

    def answer(self, request: Request) -> HttpAnswer:
        """Answer a request with the result of ``run()``; calls are serialized."""
        try:
            arguments = self._inputs.arguments(request)
        except Refused as refused:
            return refused.answer
        with self._one_at_a_time, captured(self._log):
            return self._called(arguments)

    def _called(self, arguments: dict[str, Any]) -> HttpAnswer:
        began = time.perf_counter()
        try:
            result = self._run(**arguments)
        except BaseException:  # noqa: BLE001 - whatever a script raises fails one request only
            self._log.write(f"Encountered Exception: {traceback.format_exc()}")
            return error(500, SCRIPT_ERROR, failed=True)
        head = JSON + NOT_FAILED + timing(time.perf_counter() - began)
        try:
            return HttpAnswer(200, encode(result, strict=True), head)
        except (TypeError, ValueError, RecursionError):
            self._log.write(f"Encountered Exception: {traceback.format_exc()}")
            return error(500, INTERNAL_ERROR)

    def remove(self) -> None:
        """Remove the folder. Safe to call twice."""
        sys.path_importer_cache.pop(str(self._folder), None)
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def _as_in_service(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Apply the environment, search path and modules of a service to the script."""
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
    """Remove the modules under these top-level names from sys.modules and return them."""
    found = [name for name in sys.modules if name.partition(".")[0] in top_level]
    return {name: sys.modules.pop(name) for name in found}
