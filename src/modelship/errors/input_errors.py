"""Define errors of user input."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from modelship.errors.base_error import ModelshipError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ConfigError",
    "DeploymentFileError",
    "InputError",
    "InvalidNameError",
    "InvalidOptionError",
    "MissingExtraError",
    "UnknownPluginError",
]


class InputError(ModelshipError):
    """The input is invalid."""

    exit_code = 2


@dataclass(eq=False)
class InvalidNameError(InputError):
    """A name violates Azure ML's rule for names."""

    _message = "{name!r} is not a valid {kind} name: it needs {rule}."

    name: object
    kind: str
    rule: str


@dataclass(eq=False)
class InvalidOptionError(InputError):
    """An option does not exist, or has an invalid value."""

    _message = "{option} is {_shown!r}; expected {expected}."

    option: str
    found: object
    expected: str

    @property
    def _shown(self) -> object:
        return str(self.found) if isinstance(self.found, PurePath) else self.found


@dataclass(eq=False)
class UnknownPluginError(InputError):
    """No source or target has this name."""

    kind: str
    name: str
    known: Sequence[str]

    @property
    def message(self) -> str:
        return f"There is no {self.kind} named {self.name!r}{nearest(self.name, self.known)}."

    @property
    def hint(self) -> str:
        return f"Available: {', '.join(sorted(self.known))}."


@dataclass(eq=False)
class MissingExtraError(InputError):
    """An optional part of modelship is not installed, or cannot be imported."""

    _message = "{purpose} needs the extra {extra!r}, which {problem}."
    _hint = "pip install 'modelship-ml[{extra}]'"

    purpose: str
    extra: str
    problem: str = "is not installed"

    @classmethod
    def of_import(cls, error: ImportError, *, purpose: str, extra: str) -> MissingExtraError:
        """Return the error for a failed import, which says so if the package itself is there."""
        if isinstance(error, ModuleNotFoundError):
            return cls(purpose=purpose, extra=extra)
        return cls(purpose=purpose, extra=extra, problem=f"cannot be imported ({error})")


@dataclass(eq=False)
class ConfigError(InputError):
    """``modelship.yaml`` is invalid."""

    _message = "{path}: {problem}"

    path: str
    problem: str


@dataclass(eq=False)
class DeploymentFileError(InputError):
    """A file of ``az ml`` is invalid."""

    _message = "{path}, line {line}: {problem}"

    path: str
    line: int
    problem: str
