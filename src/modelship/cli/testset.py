"""The options that say what a test set is, and how it is scored."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from modelship.cli.options import gathered
from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.evaluation import Evaluator

__all__ = ["evaluator_from", "read_evaluator", "testset_options"]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_TASKS = ("classification", "regression")
_OPTIONS = (
    click.option(
        "--label", multiple=True, metavar="COLUMN",
        help="The column with y; may be repeated, for several outputs [default: the one that "
        "the model was not fitted on, or the last].",
    ),
    click.option(
        "--task", type=click.Choice(_TASKS), help="What y means [default: what the model says]."
    ),
    click.option(
        "--separator", metavar="CHARACTER",
        help="What stands between the cells of a CSV file [default: found out].",
    ),
    click.option(
        "--decimal", metavar="CHARACTER", default=".",
        help="What stands before the fraction of a number in a CSV file [default: a point].",
    ),
    click.option(
        "--encode", metavar="MODULE:FUNCTION",
        help="From rows to what a service takes; a module, or a file such as forms.py:encode.",
    ),
    click.option(
        "--decode", metavar="MODULE:FUNCTION",
        help="From what a service answers to predictions.",
    ),
)  # fmt: skip
_NAMES = ("label", "task", "separator", "decimal", "encode", "decode")


def testset_options(command: _Command) -> _Command:
    """Add the options; their values are passed on as the mapping ``scoring``."""
    return gathered(_OPTIONS, _NAMES, into="scoring")(command)


def evaluator_from(file: str, given: Mapping[str, Any]) -> Evaluator:
    """Return an evaluator of a file, with the options that were given.

    Raises
    ------
    InvalidOptionError
        If there is no such file, or an option has a value that it cannot take.
    InvalidTestSetError
        If the file does not hold a test set.
    MissingExtraError
        If it takes a library to read it that is not installed.
    """
    return read_evaluator(
        file,
        option="--data",
        label=given["label"],
        separator=_character(given["separator"]),
        decimal=given["decimal"],
        task=given["task"],
        encode=_function(given["encode"], option="--encode"),
        decode=_function(given["decode"], option="--decode"),
    )


def read_evaluator(
    file: str,
    *,
    option: str,
    label: tuple[str, ...] = (),
    separator: str | None = None,
    decimal: str = ".",
    task: Literal["classification", "regression"] | None = None,
    encode: Callable[[Any], Any] | None = None,
    decode: Callable[[Any], Any] | None = None,
) -> Evaluator:
    """Return an evaluator of a file that was given with `option`, which errors name."""
    from modelship.evaluation import Evaluator
    from modelship.evaluation.files import DataFile

    data = DataFile(Path(file), tuple(label), separator=separator, decimal=decimal, option=option)
    return Evaluator.read(data, task=task, encode=encode, decode=decode)


def _character(text: str | None) -> str | None:
    r"""Return a separator; a tab may be written as a shell lets it be: ``\t`` or ``tab``."""
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
    return function  # type: ignore[no-any-return]  # whoever wrote it knows its type


def _module(place: str, *, option: str) -> Any:
    """Return a module by its file, or by its name; the current folder is searched first."""
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
