"""Determine why an image build failed, and which lines of the conda file caused it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelship.bundle._package_index import redact
from modelship.errors import (
    BaseImageError,
    EnvironmentSpecError,
    ModelshipError,
    PythonNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BuildCause"]

_LINES = re.compile(r":(\d+(?: and \d+)*)$")
_PYTHON = re.compile(r"^\s*- *['\"]?python\b(?!-)")
# The path of an address may contain a token too.
_ADDRESS = re.compile(r"://[^\s\"']+")
_TOO_LONG = "The build took too long."
_OTHER_BASE = (
    "Start the offline workspace with another base image: modelship azureml-offline --base-image, "
    "or OfflineWorkspace(base_image=...)."
)


@dataclass(frozen=True)
class BuildCause:
    """Why an image build failed.

    Parameters
    ----------
    environment : str
        The name of the environment.
    lines : tuple[tuple[int, str], ...]
        The lines of its conda file that caused it, with their numbers; they contain no secret.
    problem : str
        The problem, in one sentence.
    advice : str
        One thing to do next, or ``""``.
    evidence : str
        The output of the resolver or the installer, or ``""``.
    """

    environment: str
    lines: tuple[tuple[int, str], ...]
    problem: str
    advice: str = ""
    evidence: str = ""

    @classmethod
    def of(
        cls, error: ModelshipError | TimeoutError, *, environment: str, conda: str
    ) -> BuildCause:
        """Return the cause that `error` describes, for an environment with this conda file."""
        if not isinstance(error, ModelshipError):
            return cls(environment, (), str(error) or _TOO_LONG)
        return cls(
            environment,
            tuple(_lines(error, conda.splitlines())),
            error.problem if isinstance(error, EnvironmentSpecError) else error.message,
            _OTHER_BASE if isinstance(error, BaseImageError) else error.hint,
            error.evidence,
        )

    @property
    def message(self) -> str:
        """The cause in one line, as in the error of a service."""
        return " ".join(filter(None, (f"{self._place}{self.problem}", self.advice)))

    @property
    def log(self) -> str:
        """The cause with its evidence, as in a log."""
        evidence = "".join(f"\n  | {line}" for line in self.evidence.splitlines())
        advice = f"\n  -> {self.advice}" if self.advice else ""
        return f"{self._place}{self.problem}{evidence}{advice}"

    @property
    def _place(self) -> str:
        numbers = " and ".join(str(number) for number, _ in self.lines)
        texts = " and ".join(repr(text) for _, text in self.lines)
        word = "line" if len(self.lines) == 1 else "lines"
        which = f", {word} {numbers} of its conda file as it was sent ({texts})"
        return f"Environment {self.environment!r}{which if self.lines else ''}: "


def _lines(error: ModelshipError, conda: list[str]) -> Iterator[tuple[int, str]]:
    for number in _numbers(error, conda):
        if number <= len(conda):
            yield number, _ADDRESS.sub("://***", redact(conda[number - 1].strip()))


def _numbers(error: ModelshipError, conda: list[str]) -> list[int]:
    if isinstance(error, PythonNotFoundError):
        return [at for at, line in enumerate(conda, start=1) if _PYTHON.match(line)]
    match = _LINES.search(error.path) if isinstance(error, EnvironmentSpecError) else None
    return [int(number) for number in match[1].split(" and ")] if match else []
