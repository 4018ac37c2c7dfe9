"""``modelship.yaml``: the settings of one project, and what may stand over them.

A flag stands over an environment variable ``MODELSHIP_<KEY>``, which stands over the file.
"""

from __future__ import annotations

import os
import re
import reprlib
import sys
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.documents import DocumentError, read_regular
from modelship.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import yaml

__all__ = ["FILE_NAME", "MODEL_NAME", "Config"]

FILE_NAME = "modelship.yaml"

_MOST_BYTES = 2**20
MODEL_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@dataclass(frozen=True)
class Config:
    """Every setting that ``modelship.yaml`` can hold.

    Parameters
    ----------
    model : str or Sequence[str], optional
        Path or URI of the model, or of each of several; ``NAME=`` before one names it.
    entry_script, source_directory : str, optional
        The scoring script, and the folder that goes along with it.
    environment : str, optional
        A conda YAML or requirements file.
    sample_input : JSON value, optional
        A sample request; a str is the path of a JSON file that holds it.
    cpu_cores, memory_gb : float
        What the service may use; above 0, memory in gibibytes.
    tags : Mapping[str, str]
        Labels of the deployment.
    description : str
        One sentence for people.
    name : str, optional
        The service's name.
    target : str, optional
        Where it runs.
    options : Mapping[str, Mapping[str, Any]]
        Options by the name of the target that they are for.
    serving : Mapping[str, Any]
        How the bundle is served: the fields of :class:`modelship.Serving`.
    require : Mapping[str, float]
        Bounds by the name of the metric.
    data : str, optional
        The test set's file.
    timeout_s : float
        Seconds for a deployment.
    """

    model: str | Sequence[str] | None = None
    entry_script: str | None = None
    source_directory: str | None = None
    environment: str | None = None
    sample_input: Any = None
    cpu_cores: float = 1.0
    memory_gb: float = 1.0
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    name: str | None = None
    target: str | None = None
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    serving: Mapping[str, Any] = field(default_factory=dict)
    require: Mapping[str, float] = field(default_factory=dict)
    data: str | None = None
    timeout_s: float = 600.0

    @classmethod
    def find(cls, path: Path | None = None) -> Config:
        """Read `path`, or the current folder's ``modelship.yaml`` if any, and the environment.

        Raises
        ------
        ConfigError
            If the file or a variable cannot be used; with the line and the key.
        """
        if path is None and not Path(FILE_NAME).exists():
            found: dict[str, Any] = {}
        else:
            found = _read(path or Path(FILE_NAME))
        return cls(**found | _from_environment())

    def under(self, **given: Any) -> Config:
        """Return these settings with the ones given on top; None and ``()`` mean not given.

        Mappings are merged key by key.
        """
        stated = {key: value for key, value in given.items() if value not in (None, ())}
        for key in ("tags", "require"):
            if key in stated:
                stated[key] = {**getattr(self, key), **dict(stated[key])}
        return replace(self, **stated)

    @property
    def models(self) -> tuple[str, ...]:
        """Where each model lies; empty if none is set."""
        return (self.model,) if isinstance(self.model, str) else tuple(self.model or ())

    @property
    def chosen_target(self) -> str:
        """The target's name: ``process`` unless another is set."""
        return self.target or "process"


# --- what each key takes ----------------------------------------------------------------


@dataclass(frozen=True)
class _Kind:
    expected: str
    fits: Callable[[Any], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and -sys.float_info.max <= value <= sys.float_info.max  # type: ignore[operator]


def _is_mapping(value: object, of: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(_is_text(key) and of(value[key]) for key in value)


_TEXT = _Kind("text", _is_text)
_PATH = _Kind("a path", _is_text)
_POSITIVE = _Kind("a number above 0", lambda value: _is_number(value) and value > 0)
_KINDS = {each.name: _TEXT for each in fields(Config)} | {
    "model": _Kind(
        "a path or a URI, or a list of them",
        lambda value: (
            _is_text(value)
            or (isinstance(value, list) and bool(value) and all(map(_is_text, value)))
        ),
    ),
    "entry_script": _PATH,
    "source_directory": _PATH,
    "environment": _PATH,
    "data": _PATH,
    "description": _Kind("text", lambda value: isinstance(value, str)),
    "sample_input": _Kind(
        "a mapping, a list, or the path of a JSON file",
        lambda value: _is_text(value) or isinstance(value, (dict, list)),
    ),
    "cpu_cores": _POSITIVE,
    "memory_gb": _POSITIVE,
    "timeout_s": _POSITIVE,
    "tags": _Kind("a mapping of text to text", lambda value: _is_mapping(value, _is_text)),
    "require": _Kind("a mapping of metric to number", lambda value: _is_mapping(value, _is_number)),
    "options": _Kind(
        "a mapping of target to its options, such as {docker: {base_image: python:3.11-slim}}",
        lambda value: _is_mapping(value, lambda each: isinstance(each, dict)),
    ),
    "serving": _Kind(
        "a mapping of options, such as {workers: 2}",
        lambda value: _is_mapping(value, lambda each: each is not None),
    ),
}
_MAY_HOLD_SECRETS = frozenset({"options", "serving"})


def _problem(key: str, value: object) -> str:
    """Return what is wrong with `value` for `key`, or ``""``."""
    kind = _KINDS[key]
    if kind.fits(value):
        return ""
    found = type(value).__name__ if key in _MAY_HOLD_SECRETS else reprlib.repr(value)
    return f"{key} is {found}; expected {kind.expected}."


# --- the file and the environment -------------------------------------------------------


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        text = read_regular(path, most_bytes=_MOST_BYTES, follow=True).decode()
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(
            path=str(path), problem=f"it cannot be read: {error.strerror}."
        ) from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(path=str(path), problem=f"{line}{error.problem}.") from error
    except RecursionError:
        raise ConfigError(path=str(path), problem="it is nested too deeply.") from None
    except DocumentError as error:
        raise ConfigError(path=str(path), problem=f"it cannot be read: {error}.") from error
    except (yaml.YAMLError, ValueError) as error:  # not UTF-8, or an impossible date
        raise ConfigError(path=str(path), problem=f"it is not YAML: {error}.") from error
    if node is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(path=str(path), problem="it is not a mapping of keys to values.")
    _check(node, values, path=path)
    return _absolute(values, folder=path.parent)


def _check(node: yaml.Node, values: Mapping[Any, Any], *, path: Path) -> None:
    seen: set[str] = set()
    for key_node, _ in node.value:
        key = str(key_node.value)
        if key not in _KINDS:
            problem = f"there is no key {key!r}{nearest(key, _KINDS)}; known: {', '.join(_KINDS)}."
        elif key not in values:  # a tag made something else of it, such as !!binary
            problem = f"{key} is not written as text."
        elif key in seen:
            problem = f"{key} is given twice."
        else:
            problem = _problem(key, values[key])
        if problem:
            line = key_node.start_mark.line + 1
            raise ConfigError(path=str(path), problem=f"line {line}: {problem}")
        seen.add(key)


def _absolute(values: dict[str, Any], *, folder: Path) -> dict[str, Any]:
    """Let the paths of the file start at the file's folder."""
    paths = {"model", "entry_script", "source_directory", "environment", "sample_input", "data"}
    if "source_directory" in values:
        paths.discard("entry_script")  # which is relative to that folder
    for key in paths & values.keys():
        value = values[key]
        if key == "model":
            each = [_absolute_model(text, folder=folder) for text in _listed(value)]
            values[key] = each if isinstance(value, list) else each[0]
        elif isinstance(value, str):
            values[key] = str(folder / Path(value).expanduser())
    return values


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _absolute_model(text: str, *, folder: Path) -> str:
    if _is_uri(text, folder=folder):
        return text
    name, equals, location = text.partition("=")
    if not equals or (folder / text).exists() or not MODEL_NAME.fullmatch(name):
        return str(folder / Path(text).expanduser())
    return f"{name}={_absolute_model(location, folder=folder)}"


def _is_uri(text: str, *, folder: Path) -> bool:
    return bool(_URI.match(text)) and not (folder / text).exists()


def _from_environment() -> dict[str, Any]:
    import yaml

    found = {}
    for key, kind in _KINDS.items():
        variable = f"MODELSHIP_{key.upper()}"
        text = os.environ.get(variable, "")
        if not text:
            continue
        try:
            # Text is taken as it stands: a name such as "123" or "on" is no number and no boolean.
            value = text if kind.fits("text") and key != "sample_input" else yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            problem = f"it is not YAML; expected {kind.expected}."
            raise ConfigError(path=variable, problem=problem) from error
        if problem := _problem(key, value):
            raise ConfigError(path=variable, problem=problem)
        found[key] = value
    return found
