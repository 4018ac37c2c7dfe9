"""Define errors of bundles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelship.errors.base_error import ModelshipError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.findings import Finding

__all__ = [
    "BundleError",
    "BundleFormatError",
    "CheckFailedError",
    "EntryScriptError",
    "SampleInputError",
]


class BundleError(ModelshipError):
    """A bundle, or a part of it, is invalid."""

    exit_code = 5


@dataclass(eq=False)
class EntryScriptError(BundleError):
    """The scoring script violates the contract of init() and run()."""

    path: str
    problem: str
    line: int | None = None
    advice: str = "A scoring script defines init() and run(raw_data)."

    @property
    def message(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.problem}"


@dataclass(eq=False)
class SampleInputError(BundleError):
    """The sample request cannot be sent, or does not match the model."""

    _message = "sample_input cannot be used: {problem}."

    problem: str
    advice: str = (
        "Give rows of numbers, strings, dates and booleans, as in a request; if a custom "
        "script converts them for the model, pass it as entry_script."
    )


@dataclass(eq=False)
class BundleFormatError(BundleError):
    """A folder is not a saved bundle, or was changed after it was saved."""

    _message = "{path} is not a usable bundle: {problem}."

    path: str
    problem: str
    advice: str = "Save it again with ScoringBundle.save() (modelship bundle)."


@dataclass(eq=False)
class CheckFailedError(BundleError):
    """A check found errors in a bundle; they are in ``findings``."""

    findings: Sequence[Finding]

    @property
    def message(self) -> str:
        count = "an error" if len(self.findings) == 1 else f"{len(self.findings)} errors"
        return f"The check found {count} in the bundle; nothing was built or uploaded."

    @property
    def evidence(self) -> str:
        lines = []
        for each in self.findings:
            lines.append(f"{each.code} {each.where}: {each.problem}".replace(" : ", ": "))
            lines += [f"  {line}" for line in each.evidence.splitlines()]
        return "\n".join(lines)

    @property
    def hint(self) -> str:
        return self.findings[0].advice
