"""Define ModelshipError, with its text and its pickling, and the error of files that are kept."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ModelshipError", "StorageError", "nearest"]


class ModelshipError(Exception):
    """Base class of all errors that modelship raises on purpose.

    A class defines its texts as templates (``str.format``) over its attributes, or overrides the
    property if a template is not sufficient.
    """

    exit_code: ClassVar[int] = 1

    aftermath: str = ""
    """What happened after the failure, such as a restart of the previous release; or empty."""

    doubts: tuple[str, ...] = ()
    """Warnings of an earlier check that may be the cause, as text."""

    _message: ClassVar[str] = ""
    _evidence: ClassVar[str] = ""
    _hint: ClassVar[str] = ""

    @property
    def message(self) -> str:
        """What was found and what was expected; one sentence."""
        return self._fill(self._message) or (type(self).__doc__ or "").partition("\n")[0]

    @property
    def evidence(self) -> str:
        """The last output, such as the tail of a log; may be empty."""
        return self._fill(self._evidence)

    @property
    def hint(self) -> str:
        """One thing to do next: the advice passed to the error, or that of its class."""
        return getattr(self, "advice", "") or self._fill(self._hint)

    def __str__(self) -> str:
        parts = [self.message]
        if self.evidence:
            parts.append("\n".join(f"  | {line}" for line in self.evidence.splitlines()))
        if self.aftermath:
            parts.append(self.aftermath)
        parts += [f"  may be the cause: {each}" for each in self.doubts]
        if self.hint:
            parts.append(f"  -> {self.hint}")
        return "\n".join(parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), self.__dict__)

    def _fill(self, template: str) -> str:
        return template.format_map(_Attributes(self))


@dataclass(eq=False)
class StorageError(ModelshipError):
    """A file cannot be written to this machine, or read from it."""

    _message = "{path} cannot be used: {cause}."

    exit_code = 10

    path: str
    cause: str
    advice: str


class _Attributes:
    """The attributes of an error by name, for use in a template."""

    def __init__(self, error: ModelshipError) -> None:
        self._error = error

    def __getitem__(self, name: str) -> Any:
        return getattr(self._error, name)


def rebuild(cls: type[ModelshipError], state: dict[str, Any]) -> ModelshipError:
    """Return an error of a class with this state, without calling its ``__init__``."""
    error = cls.__new__(cls)
    for name, value in state.items():
        setattr(error, name, value)  # an AttributeError does not store its name in __dict__
    return error


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the closest of `known` in any case, or ``""``."""
    by_fold = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(str(word).casefold(), by_fold, n=1, cutoff=0.6)
    return f" (did you mean {by_fold[close[0]]!r}?)" if close else ""
