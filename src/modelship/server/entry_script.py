"""Find and initialize the entry script, and determine the input style of run()."""

from __future__ import annotations

import importlib.util
import inspect
import logging
import os
import sys
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from . import aml
from .arrays import array_plan, typed_plan
from .inputs import Inputs, RawInput, SchemaInput, TextInput
from .logs import logger, told
from .offered_submodules import offer_submodules
from .table_plan import table_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .arrays import TypedPlan
    from .settings import Settings

__all__ = ["EntryScript", "ScriptError", "inputs_of", "script_at"]

_SHOWN_LINES = 200
_FAILED_IMPORT = "Failed to import user script because it raised an unhandled exception"
# The reference's logger name for messages about the script.
_logger = logging.getLogger("azmlinfsrv.user_script")


class ScriptError(Exception):
    """The script cannot be served: the message has the reason, or else the log."""


class EntryScript:
    """A script whose run() can be called.

    Attributes
    ----------
    run : callable
        The script's run(), with its decorators.
    inputs : Inputs
        How run() takes its input.
    module : ModuleType
        The script's module.
    """

    run: Callable[..., Any]
    inputs: Inputs
    module: ModuleType

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def plan(self) -> TypedPlan | None:
        """How bodies become arrays without intermediate lists, if the script declares it."""
        if isinstance(self.inputs, SchemaInput):
            return typed_plan(self.run)
        if isinstance(self.inputs, TextInput) and not self.inputs.takes_headers:
            return table_plan(self.module) or array_plan(self.module)
        return None

    @property
    def batchable(self) -> bool:
        """Whether the script declares that rows of several requests may be scored together."""
        return getattr(self.module, "BATCHABLE", False) is True

    def load(self) -> None:
        """Import the script, and check that it can be served.

        Raises
        ------
        ScriptError
            If it cannot be served.
        """
        aml.install()
        offer_submodules()
        root = str(self._settings.app_root)
        sys.path.append(root)
        if self._settings.source_directory:
            sys.path.append(os.path.join(root, self._settings.source_directory))  # noqa: PTH118 - as the reference joins it
        path = os.path.join(root, self._settings.entry_script)  # noqa: PTH118 - as above
        try:
            self.module = _imported(path)
            self.run = self._run_below_driver()
            self.inputs = inputs_of(self.run)
        except ScriptError as problem:
            if problem.args:  # otherwise the log has it
                logger.error(problem)
            raise

    def init(self) -> None:
        """Call the script's init().

        Raises
        ------
        ScriptError
            If it raises anything.
        """
        _logger.info("Invoking user's init function")
        try:
            self.module.init()
        except BaseException as error:
            logger.error("User's init function failed")
            logger.error("Encountered Exception %s", told(error))
            _show_model_folder()
            raise ScriptError from error
        _logger.info("Users's init has completed successfully")

    def _run_below_driver(self) -> Callable[..., Any]:
        """Return run(); ``driver_module``, which old SDKs wrote, wraps another module."""
        driver = getattr(self.module, "driver_module", None)
        if isinstance(driver, ModuleType) and hasattr(driver, "run"):
            _logger.info(
                "Found driver script at %s and the score script at %s",
                self.module.__file__,
                driver.__file__,
            )
            return driver.run  # type: ignore[no-any-return]
        _logger.info("Found user script at %s", self.module.__file__)
        return self.module.run  # type: ignore[no-any-return]


def script_at(path: str) -> ModuleType:
    """Import the script at a path; its exceptions propagate.

    Raises
    ------
    ScriptError
        If it is not a Python file, or does not define init() and run().
    """
    spec = importlib.util.spec_from_file_location("entry_module", path)
    if spec is None or spec.loader is None:
        raise ScriptError(f"The entry script {path} is no Python file; its name has to end in .py.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for function in ("init", "run"):
        if not hasattr(module, function):
            raise ScriptError(
                f"User script at {path} does not have a {function}() function defined."
            )
    return module


def _imported(path: str) -> ModuleType:
    """Return the script at a path; its exceptions are logged."""
    try:
        return script_at(path)
    except ScriptError:
        raise
    except FileNotFoundError as error:
        if error.filename == path:
            logger.error("No such file or directory.")
        logger.error("%s: %s", _FAILED_IMPORT, told(error))
        raise ScriptError from error
    except BaseException as error:
        logger.error("%s: %s", _FAILED_IMPORT, told(error))
        raise ScriptError from error


def inputs_of(run: Callable[..., Any]) -> Inputs:
    """Return how run() takes its input.

    Raises
    ------
    ScriptError
        If run() cannot be called with a request.
    """
    parameters = list(inspect.signature(run).parameters.values())
    named = {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    if any(each.kind not in named for each in parameters):
        raise ScriptError("run() cannot accept positional-only arguments, *args, or **kwargs.")
    takes_headers = any(each.name == "request_headers" for each in parameters)
    parameters = [each for each in parameters if each.name != "request_headers"]
    if not parameters:
        raise ScriptError(
            'run() needs to accept an argument other than "request_headers".'
            if takes_headers
            else "run() needs to accept an argument for input data."
        )
    has_schema = _has_schema(run)
    if aml.raw_requested() and has_schema:
        raise ScriptError("run() cannot be decorated with both @rawhttp and @input_schema")
    if aml.raw_requested():
        _logger.info("run() is decorated with @rawhttp. It is given the flask request.")
        return RawInput(parameters[0].name, takes_headers=takes_headers)
    if has_schema:
        names = ", ".join(each.name for each in parameters)
        _logger.info("run() is decorated with @input_schema. It is given: %s.", names)
        return SchemaInput(parameters, takes_headers=takes_headers)
    _logger.info("run() is not decorated. It is given the input as a string of JSON.")
    return TextInput(parameters[0].name, takes_headers=takes_headers)


def _has_schema(run: Callable[..., Any]) -> bool:
    # If it is not imported, the script cannot use its decorators.
    if "inference_schema" not in sys.modules:
        return False
    from inference_schema.schema_util import is_schema_decorated

    return bool(is_schema_decorated(run))


def _show_model_folder() -> None:
    named = os.environ.get("AZUREML_MODEL_DIR", "")
    folder = Path(named)
    if not named or not folder.exists():
        return
    logger.info("Model Directory Contents:")
    tree = _tree(folder)
    for line in islice(tree, _SHOWN_LINES):
        logger.info(line)
    if next(tree, None) is not None:
        logger.info("Output Truncated. First %d lines shown.", _SHOWN_LINES)


def _tree(path: Path, depth: int = 0) -> Iterator[str]:
    indent = 4 * depth * " "
    if not path.is_dir():
        yield f"{indent}{path.name}"
        return
    yield f"{indent}{path.name}/"
    for each in sorted(path.iterdir()):
        yield from _tree(each, depth + 1)
