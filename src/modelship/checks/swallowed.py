"""Find exceptions that a script caught during a trial and should not have caught.

Most exceptions that a script handles are harmless: an optional package, a key with another name.
One is a finding only if the trial shows that something went wrong: the answer has the text of the
exception, or run() fails because init() did not set what it should have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from modelship.diagnosis import explain_exception, explain_traceback
from modelship.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelship.checks.trial import Trial
    from modelship.diagnosis import Phase, Surroundings
    from modelship.findings import Diagnosis, Finding

__all__ = ["error_findings", "explained", "swallowed_before", "unset_findings"]

_PLAIN: Final = frozenset({"MS501", "MS502", "MS503"})
_LACKING: Final = "MS115"
_LOOKING: Final = frozenset({"NameError", "AttributeError", "KeyError", "UnboundLocalError"})
_FAILED: Final = "MS503"
_NOTHING: Final = "NoneType"
_WORD: Final = re.compile(r"\w+")
_ERROR_STATUS: Final = 400
_SHOWN_LINES: Final = 12


@dataclass(frozen=True)
class _Caught:
    """One exception that a handler of the script caught."""

    told: Mapping[str, Any]
    trial: Trial

    @property
    def brief(self) -> str:
        first = str(self.told["message"]).strip().partition("\n")[0]
        return f"{self.told['kind']}: {first}" if first else str(self.told["kind"])

    @property
    def place(self) -> tuple[str, int | None]:
        """Where it was raised: the innermost line of the bundle's own code."""
        handler = self._short(self.told["file"]), self.told["line"]
        return self.trial.place_in(self.told["frames"]) or handler

    @property
    def line(self) -> str:
        """A description of the line that caught it."""
        file = self._short(self.told["file"])
        return f"line {self.told['line']}" + ("" if file == self.place[0] else f" of {file}")

    @property
    def handled(self) -> str:
        """What caught it, and where."""
        who = "The script" if self.told["during"] == "import" else f"{self.told['during']}()"
        return f"{who} catches the {self.told['kind']} in {self.line}"

    @property
    def diagnosis(self) -> Diagnosis:
        path, line = self.place
        where = f"{path}:{line}" if line else path
        found = explained(
            self.told, phase=self.told["during"], where=where, around=self.trial.known
        )
        text = self.told["traceback"].replace(f"{self.trial.app}/", "")
        return replace(found, evidence=tuple(text.rstrip().splitlines()[-_SHOWN_LINES:]))

    def _short(self, name: str) -> str:
        return self.trial.path_of(name) or name

    def finding(self, end: str, *, severity: Severity = Severity.ERROR) -> Finding:
        """Return the finding that explains it and its consequence."""
        path, line = self.place
        diagnosis = self.diagnosis
        # If no rule knows the exception, its consequence is the whole message.
        cause = f"{diagnosis.problem} " if diagnosis.code not in _PLAIN else ""
        return self.trial.finding(
            diagnosis.code,
            f"{cause}{end}",
            path=path,
            line=line,
            advice=diagnosis.advice,
            evidence="\n".join(diagnosis.evidence),
            severity=severity,
        )


def explained(
    told: Mapping[str, Any], *, phase: Phase, where: str, around: Surroundings
) -> Diagnosis:
    """Return the finding that explains an exception reported by the child process.

    Parameters
    ----------
    told : Mapping
        The child's report.
    phase : {"import", "init", "run"}
        The phase in which it was raised.
    where : str
        The place in the bundle.
    around : Surroundings
        The facts known about the bundle.
    """
    text = told["traceback"]
    return explain_traceback(text, phase=phase, where=where, around=around) or explain_exception(
        told["kind"], told["message"], phase=phase, where=where, around=around
    )


def _before_run(trial: Trial) -> list[_Caught]:
    """Return the exceptions caught before run() was called."""
    told = [each for line in trial.lines for each in line.get("caught", ())]
    return [_Caught(each, trial) for each in told if each["during"] != "run"]


def swallowed_before(
    trial: Trial, told: Mapping[str, Any], failure: Diagnosis, *, then: str
) -> Finding | None:
    """Return the exceptions caught before run() that explain why it finds something missing.

    Parameters
    ----------
    trial : Trial
        What happened.
    told : Mapping
        The child's report of the failure of run().
    failure : Diagnosis
        The finding for the failure itself.
    then : str
        The same as the end of a sentence.
    """
    before = [each for each in _before_run(trial) if not each.told["bound"]]
    nothing = _NOTHING in told["message"]
    source = [line for _, _, line in told["frames"][-3:] if line] if nothing else []
    words = {*_WORD.findall(" ".join([told["message"], *source]))}
    if failure.code == _LACKING or nothing or told["kind"] in _LOOKING:
        cause = _binding(before, words) or (_in_init(before) if failure.code == _LACKING else None)
    else:  # the script may raise its own error about something missing
        left = [each for each in before if each.told["left"] and each.told["during"] == "init"]
        cause = left[-1] if left and failure.code == _FAILED else None
    return cause.finding(f"{cause.handled} and continues; {then}.") if cause else None


def _binding(caught: Sequence[_Caught], words: set[str]) -> _Caught | None:
    """Return the exception that kept one of some names from being bound."""
    return next((each for each in reversed(caught) if words & {*each.told["binds"]}), None)


def _in_init(caught: Sequence[_Caught]) -> _Caught | None:
    """Return the last exception caught by init(); a missing optional package is caught earlier."""
    return next((each for each in reversed(caught) if each.told["during"] == "init"), None)


def error_findings(trial: Trial, told: Mapping[str, Any]) -> Iterator[Finding]:
    """Find that run() answers the sample request with an error.

    Parameters
    ----------
    trial : Trial
        What happened.
    told : Mapping
        The child's report of the answer.
    """
    caught = [_Caught(each, trial) for each in told.get("caught", ())]
    shown = [each for each in caught if each.told["shown"]]
    by_handler = [each for each in caught if each.told["returned"]]
    if told.get("status", 0) >= _ERROR_STATUS:
        yield _refused(trial, told, shown or by_handler or caught)
    elif shown:
        yield _shown(trial, next(iter([each for each in shown if each in by_handler]), shown[-1]))
    elif error := told.get("hint" if by_handler else "error"):
        yield _told_error(trial, error, by_handler)
    else:
        yield from _said_nothing_of(trial, told, caught, by_handler)


def _said_nothing_of(
    trial: Trial,
    told: Mapping[str, Any],
    caught: Sequence[_Caught],
    by_handler: Sequence[_Caught],
) -> Iterator[Finding]:
    """Find an answer made by a handler, or an incomplete one, that mentions no error."""
    fixed = [each for each in by_handler if each.told["broad"] and each.told["fixed"]]
    then = "then run() answers the sample request with the fixed value of a handler"
    for each in fixed[-1:]:
        before = each.told["kind"] in _LOOKING and swallowed_before(
            trial, each.told, each.diagnosis, then=then
        )
        if before:
            yield before
            return
    likely: list[_Caught] = []
    if told.get("empty"):
        left = [each for each in _before_run(trial) if each.told["left"]]
        likely = [*left, *(each for each in caught if each.told["broad"])]
    what = "nothing" if likely else "the fixed value of that handler"
    for each in (likely or fixed)[-1:]:
        end = f"{each.handled} ({each.brief}), and run() answers the sample request with {what}."
        yield each.finding(end, severity=Severity.WARNING)


def _shown(trial: Trial, each: _Caught) -> Finding:
    text = f"with the text of {_a(each.told['kind'])} {each.brief}"
    before = swallowed_before(
        trial, each.told, each.diagnosis, then=f"then run() answers the sample request {text}"
    )
    if before is not None:
        return before
    whole = each.told["returned"] or each.told["alone"]
    return each.finding(
        f"run() answers the sample request {text}, which it catches in {each.line}.",
        severity=Severity.ERROR if whole else Severity.WARNING,
    )


def _refused(trial: Trial, told: Mapping[str, Any], caught: Sequence[_Caught]) -> Finding:
    status = f"run() answers the sample request with the status {told['status']}"
    if not caught:
        return trial.finding("MS503", f"{status}.")
    each = caught[-1]
    return each.finding(f"{status}: it catches {_a(each.told['kind'])} {each.brief}.")


def _told_error(trial: Trial, error: str, by_handler: Sequence[_Caught]) -> Finding:
    answers = f"run() answers the sample request with an error: {error}"
    if by_handler:
        each = by_handler[-1]
        end = f"{answers}. It catches {_a(each.told['kind'])} {each.brief}."
        return each.finding(end, severity=Severity.WARNING)
    cause = _in_init([each for each in _before_run(trial) if not each.told["bound"]])
    if cause is not None:
        return cause.finding(f"{cause.handled} and continues; then {answers}.")
    return trial.finding("MS503", f"{answers}.", severity=Severity.WARNING)


def unset_findings(trial: Trial) -> Iterator[Finding]:
    """Find names that init() did not set for run() because of a caught exception."""
    for name in trial.last.get("unset", ()):
        cause = _binding(_before_run(trial), {name})
        if cause is not None:
            yield cause.finding(f"{cause.handled} and continues; then run() finds no {name}.")


def _a(kind: str) -> str:
    return "an" if kind[:1] in "AEIOU" else "a"
