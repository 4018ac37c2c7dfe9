"""Options that describe a test set and how it is scored."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from modelship.cli.shared_options import gathered
from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.evaluation import Evaluator

__all__ = ["evaluator_from", "options_of", "testset_options"]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_HELP: Final[Mapping[str, Mapping[str, Any]]] = {
    "label": {
        "multiple": True, "metavar": "COLUMN",
        "help": "The column with y; may be repeated, for several outputs [default: the one that "
        "the model was not fitted on, or the last].",
    },
    "task": {
        "type": click.Choice(["classification", "regression"]),
        "help": "The task [default: that of the model].",
    },
    "separator": {
        "metavar": "CHARACTER",
        "help": "The column separator of a CSV file [default: detected].",
    },
    "decimal": {
        "metavar": "CHARACTER",
        "help": "The decimal separator of a CSV file [default: a point].",
    },
    "encode": {
        "metavar": "MODULE:FUNCTION",
        "help": "A function that turns rows into a request; MODULE may be a file, as in "
        "forms.py:encode.",
    },
    "decode": {
        "metavar": "MODULE:FUNCTION",
        "help": "A function that turns an answer into predictions.",
    },
}  # fmt: skip


def options_of(data: str) -> list[Callable[[_Command], _Command]]:
    """Return the decorators of the options for a test set given with `data`.

    With ``--data`` they are ``--label`` and so on, with ``--gate`` ``--gate-label``.
    """
    return [click.option(flag_of(name, data=data), **details) for name, details in _HELP.items()]


def flag_of(name: str, *, data: str) -> str:
    """Return the name of an option that goes with `data`."""
    return f"--{name}" if data == "--data" else f"{data}-{name}"


testset_options = gathered(options_of("--data"), into="scoring")


def evaluator_from(file: str, given: Mapping[str, Any], *, data: str = "--data") -> Evaluator:
    """Return an evaluator of a file that was given with `data`, with the options for it.

    Raises
    ------
    InvalidOptionError
        If the file does not exist, or an option has an invalid value.
    InvalidTestSetError
        If the file is not a test set.
    MissingExtraError
        If the library that reads it is not installed.
    """
    from modelship.evaluation import Evaluator
    from modelship.evaluation.files import DataFile

    flags = {name: flag_of(name, data=data) for name in _HELP}
    asked = {name: given[flag[2:].replace("-", "_")] for name, flag in flags.items()}
    encode, decode = (_function(asked[k], option=flags[k]) for k in ("encode", "decode"))
    opened = DataFile(
        Path(file),
        tuple(asked["label"]),
        separator=_character(asked["separator"]),
        decimal=asked["decimal"] or ".",
        option=data,
    )
    return Evaluator.read(opened, task=asked["task"], encode=encode, decode=decode)


def _character(text: str | None) -> str | None:
    r"""Return a separator; a tab may be typed in a way that suits shells: ``\t`` or ``tab``."""
    return "\t" if text in ("\\t", "tab") else text


def _function(text: str | None, *, option: str) -> Callable[[Any], Any] | None:
    """Return the function that ``module:function`` or ``file.py:function`` names."""
    if text is None:
        return None
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name.isidentifier():
        raise InvalidOptionError(option, text, "MODULE:FUNCTION, or FILE.py:FUNCTION")
    function = getattr(_module(place, option=option), name, None)
    if not callable(function):
        raise InvalidOptionError(option, text, f"a function that {place} has")
    return function  # type: ignore[no-any-return]  # its author knows its type


def _module(place: str, *, option: str) -> Any:
    """Import a module by its file or its name; the current folder is searched first."""
    try:
        if place.endswith(".py"):
            return _of_file(Path(place))
        sys.path.insert(0, str(Path.cwd()))
        try:
            return importlib.import_module(place)
        finally:
            sys.path.pop(0)
    except Exception as error:
        expected = f"a module that can be imported ({type(error).__name__}: {error})"
        raise InvalidOptionError(option, place, expected) from error


def _of_file(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
