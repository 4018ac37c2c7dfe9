"""Define errors of batch jobs."""

from __future__ import annotations

from dataclasses import dataclass

from modelship.errors.base_error import ModelshipError

__all__ = [
    "BatchEngineError",
    "BatchError",
    "BatchInputError",
    "BatchInterruptedError",
    "BatchOutputError",
    "BatchResumeError",
    "BatchStoppedError",
]


class BatchError(ModelshipError):
    """A batch job failed."""

    exit_code = 11


@dataclass(eq=False)
class BatchEngineError(BatchError):
    """The engine of a batch job cannot be used, or was lost; what is done is kept."""

    _message = "The engine of the batch job failed: {problem}."
    _hint = "Fix the cause, and run the same command again: it scores what is missing."

    problem: str
    advice: str = ""


@dataclass(eq=False)
class BatchInputError(BatchError):
    """The input of a batch job cannot be scored."""

    _message = "{path} cannot be scored: {problem}."

    path: str
    problem: str
    advice: str = ""


@dataclass(eq=False)
class BatchOutputError(BatchError):
    """A folder cannot hold, or does not hold, the output of a batch job."""

    _message = "{output} is not a usable output of a batch job: {problem}."
    _hint = "Name the folder that modelship batch wrote to with -o."

    output: str
    problem: str
    advice: str = ""


@dataclass(eq=False)
class BatchResumeError(BatchError):
    """The output folder holds a job that cannot be resumed as it is."""

    _message = "The batch job in {output} cannot be resumed: {difference}."
    _hint = "Name another output folder; or restore what has changed, to resume that job."

    output: str
    difference: str
    advice: str = ""


@dataclass(eq=False)
class BatchStoppedError(BatchError):
    """A batch job ended early; what is done is kept."""

    _message = "The batch job ended after {done} of {pieces} pieces: {problem}."
    _evidence = "{log}"
    _hint = "Fix the cause, and run the same command again: it scores what is missing."

    problem: str
    done: int
    pieces: int
    log: str = ""
    advice: str = ""


class BatchInterruptedError(BatchStoppedError):
    """A batch job was interrupted; what is done is kept."""

    _hint = "Run the same command again: it scores what is missing."

    exit_code = 130
