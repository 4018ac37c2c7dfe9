"""Record failed deployments on this machine: the end of the log, and the cause.

::

    <state>/failures/<target>/<name>.json

It is kept until the name is deployed again, or deleted. It contains no known secret, and no text
that looks like one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.profile import SERVICE_NAME
from modelship.diagnosis.redaction import covered, redacted
from modelship.documents import (
    choice,
    listing,
    number,
    optional,
    parse,
    read_regular,
    record,
    text,
)
from modelship.errors import ModelshipError
from modelship.findings import RULES, Diagnosis
from modelship.staging import storing, write_atomic
from modelship.state_paths import state_folder

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.targets.history import Change

__all__ = ["LINES_OF_A_FAILURE", "Failure", "failure_of", "forget_failure", "keep_failure", "said"]

LINES_OF_A_FAILURE: Final = 1000
"""The maximum number of lines of a log that are stored."""

_MOST_LOG: Final = 2**16
_MOST_TEXT: Final = 2**13
_MOST_BYTES: Final = 2**20


@dataclass(frozen=True)
class Failure:
    """The cause of a failed deployment, and the end of its service's log.

    Parameters
    ----------
    name : str
        The service's.
    target : str
        The name of the target.
    change : int
        The number of the change in the name's history.
    ended_at : str
        ISO 8601, UTC.
    problem : str
        The problem, in a sentence or two.
    advice : str
        One thing to do about it; may be empty.
    log : str
        The last lines of the log of the service, or of its build: at most 1000, and 64 KiB.
    diagnosis : Diagnosis or None
        The cause, if it is known.
    """

    name: str
    target: str
    change: int
    ended_at: str
    problem: str
    advice: str = ""
    log: str = ""
    diagnosis: Diagnosis | None = None

    @classmethod
    def of(
        cls,
        error: BaseException,
        change: Change,
        *,
        name: str,
        target: str,
        log: str = "",
    ) -> Failure:
        """Return the record of a change that has failed.

        Parameters
        ----------
        error : BaseException
            The error that ended it.
        change : Change
            The change, with its outcome.
        name, target : str
            The names of the service and of the target.
        log : str
            The log of the service. Without it, the build log in the error.
        """
        told = error if isinstance(error, ModelshipError) else None
        log = log or (told.evidence if told else "")
        diagnosis: Diagnosis | None = getattr(error, "diagnosis", None)
        return cls(
            name=name,
            target=target,
            change=change.number,
            ended_at=change.ended_at,
            problem=covered(said(error))[:_MOST_TEXT],
            advice=covered(told.hint if told else "")[:_MOST_TEXT],
            log=_end_of(covered(log)),
            diagnosis=redacted(diagnosis) if diagnosis else None,
        )

    def to_document(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        diagnosis = {**vars(self.diagnosis)} if self.diagnosis else None
        return {**vars(self), "diagnosis": diagnosis}


def said(error: BaseException) -> str:
    """Return the message of an error, as a sentence."""
    if isinstance(error, ModelshipError):
        return f"{error.message} {error.aftermath}".strip()
    return "It was interrupted." if isinstance(error, KeyboardInterrupt) else repr(error)


def keep_failure(failure: Failure) -> None:
    """Store the failure of the last deployment of a name.

    Raises
    ------
    StorageError
        If the disk is full.
    """
    path = _path(failure.target, failure.name)
    with storing(path):
        write_atomic(path, json.dumps(failure.to_document()), mode=0o600)


def failure_of(target: str, name: str) -> Failure | None:
    """Return the stored failure of the last deployment of a name, or None."""
    try:
        found = _SCHEMA(parse(read_regular(_path(target, name), most_bytes=_MOST_BYTES)), "")
    except (OSError, ValueError):  # it is optional, and never blocks
        return None
    if found["diagnosis"] is not None:
        evidence = tuple(found["diagnosis"].pop("evidence"))
        found["diagnosis"] = Diagnosis(**found["diagnosis"], evidence=evidence)
    return Failure(**found)


def forget_failure(target: str, name: str) -> bool:
    """Remove the stored failure of a name; return whether there was one."""
    try:
        _path(target, name).unlink()
    except OSError:  # there is none, or it cannot be removed: the next one replaces it
        return False
    return True


_TEXT: Final = text(most=_MOST_BYTES)
_SCHEMA: Final = record(
    {
        "name": text(pattern=SERVICE_NAME.pattern, said="the name of a service"),
        "target": text(most=100),
        "change": number(above=0, whole=True),
        "ended_at": text(most=100),
        "problem": _TEXT,
        "advice": _TEXT,
        "log": _TEXT,
        "diagnosis": optional(
            record(
                {
                    "code": choice(*RULES),
                    "problem": _TEXT,
                    "advice": _TEXT,
                    "evidence": listing(_TEXT),
                    "where": _TEXT,
                }
            )
        ),
    }
)


def _path(target: str, name: str) -> Path:
    return state_folder() / "failures" / target / f"{name}.json"


def _end_of(log: str) -> str:
    """Return the last lines of a log, as whole lines unless they are very long."""
    end = "\n".join(log.splitlines()[-LINES_OF_A_FAILURE:])
    if len(end) <= _MOST_LOG:
        return end
    return end[-_MOST_LOG:].partition("\n")[2] or end[-_MOST_LOG:]
