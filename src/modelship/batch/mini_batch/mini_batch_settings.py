"""The settings of a job over mini-batches, checked as Azure's SDKs check theirs.

The conditions are those of ``ParallelRunConfig`` (azureml-pipeline-core) and of ``parallel()`` and
``BatchDeployment`` (azure-ai-ml), which raise ``ValueError``, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LOGGING_LEVELS",
    "BatchSettings",
    "SettingError",
    "is_file_name",
    "require_whole",
    "size_of",
]

_SIZE = re.compile(r"(\d+)(?:([kmg])b)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_BAD_IN_NAMES = re.compile(r'[~"#%&*:<>?/\\{|}]')
_LONGEST_NAME = 200
_USUAL_FILES = 10
_USUAL_BYTES = 1 << 20
_ALL_PERCENT = 100
_KINDS = ("files", "tables")
LOGGING_LEVELS = ("WARNING", "INFO", "DEBUG")
# The arguments of Azure's own program, with which those of a script are merged.
_RESERVED = frozenset(
    (
        *("mini_batch_size", "error_threshold", "allowed_failed_count", "allowed_failed_percent"),
        *("output", "output_action", "logging_level", "process_count_per_node"),
        *("run_invocation_timeout", "run_max_try", "append_row_file_name", "partition_keys"),
    )
)


class SettingError(ValueError):
    """A setting has a value that it cannot have.

    Parameters
    ----------
    name : str
        Its name.
    found : Any
        The value.
    expected : str
        What it must be.
    """

    def __init__(self, name: str, found: Any, expected: str) -> None:
        super().__init__(f"{name} is {found!r}; it must be {expected}.")
        self.name = name
        self.found = found
        self.expected = expected


@dataclass(frozen=True)
class BatchSettings:
    """What to score, and how.

    Parameters
    ----------
    script : str
        The path of the scoring script.
    input : str
        The file, or the folder, to score.
    output : str
        The folder for the output; created if it does not exist.
    kind : {"files", "tables"}
        Whether ``run()`` gets a list of paths, or a DataFrame with rows of CSV, JSON lines or
        Parquet files.
    append_row : bool
        Whether the rows are written to a file.
    output_file_name : str
        Its name.
    mini_batch_size : int or str, optional
        How many files ``run()`` gets at once, 10 by default; or about how many bytes of a table,
        such as ``"10MB"``, 1 MB by default.
    partition_keys : tuple of str
        Names of folders ``key=value``: what has the same values is in the same mini-batch. Excludes
        `mini_batch_size`.
    error_threshold : int
        How many items (files or rows) may fail in the whole job; -1 for any number.
    allowed_failed_count : int
        How many mini-batches may fail; -1 for any number.
    allowed_failed_percent : float
        How many percent of the mini-batches may fail, 0 to 100. It is checked once all of them
        have been begun.
    max_retries : int
        How often a mini-batch is tried again.
    timeout_s : float
        How long one call of ``run()`` may take, in seconds.
    workers : int
        How many processes score at the same time.
    arguments : tuple of str
        The arguments of the script; the first one begins with a dash.
    variables : Mapping[str, str]
        The environment variables of the script.
    logging_level : {"WARNING", "INFO", "DEBUG"}
        What the log of the job has: only failures, also each mini-batch, or also its time.

    Raises
    ------
    ValueError
        If a setting is not valid.
    """

    script: str
    input: str
    output: str
    kind: str = "files"
    append_row: bool = True
    output_file_name: str = "predictions.csv"
    mini_batch_size: int | str | None = None
    partition_keys: tuple[str, ...] = ()
    error_threshold: int = -1
    allowed_failed_count: int = -1
    allowed_failed_percent: float = 100
    max_retries: int = 3
    timeout_s: float = 30.0
    workers: int = 1
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    logging_level: str = "INFO"

    def __post_init__(self) -> None:
        for name in ("partition_keys", "arguments"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        object.__setattr__(self, "logging_level", str(self.logging_level).upper())
        _check_choice("kind", self.kind, _KINDS)
        _check_choice("logging_level", self.logging_level, LOGGING_LEVELS)
        self._check_numbers()
        self._check_split()
        _check_arguments(self.arguments)
        if self.append_row:
            _check_file_name(self.output_file_name)

    @property
    def size(self) -> int:
        """How many files, or about how many bytes, ``run()`` gets at once."""
        if self.mini_batch_size is not None:
            return size_of(self.mini_batch_size)
        return _USUAL_FILES if self.kind == "files" else _USUAL_BYTES

    def _check_numbers(self) -> None:
        for name, least in (
            *(("error_threshold", -1), ("allowed_failed_count", -1)),
            *(("max_retries", 0), ("workers", 1)),
        ):
            require_whole(name, getattr(self, name), least)
        percent = self.allowed_failed_percent
        is_number = isinstance(percent, (int, float)) and not isinstance(percent, bool)
        if not is_number or not 0 <= percent <= _ALL_PERCENT:
            raise SettingError("allowed_failed_percent", percent, "a number from 0 to 100")
        if not self.timeout_s > 0:
            raise SettingError("timeout_s", self.timeout_s, "more than 0 seconds")

    def _check_split(self) -> None:
        if self.mini_batch_size is None:
            return
        if self.partition_keys:
            raise ValueError(
                "mini_batch_size and partition_keys are both given; both say how to split the "
                "input: leave one out."
            )
        if size_of(self.mini_batch_size) < 1:
            raise SettingError("mini_batch_size", self.mini_batch_size, "a whole number from 1 on")
        if self.kind == "files" and not str(self.mini_batch_size).isdigit():
            raise ValueError(
                f"mini_batch_size is {self.mini_batch_size!r}; for files it is their number, such "
                "as 10: files are never split."
            )


def size_of(given: int | str) -> int:
    """Return a mini_batch_size as a number: ``"1KB"`` is 1024.

    Raises
    ------
    ValueError
        If it is neither a whole number nor a text such as ``"1024"`` or ``"10MB"``.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    found = _SIZE.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        expected = "a whole number, or a text such as '1024', '10KB', '10MB' or '1GB'"
        raise SettingError("mini_batch_size", given, expected)
    return int(found[1]) * _UNITS[(found[2] or "").lower()]


def require_whole(name: str, found: Any, least: int) -> int:
    """Return the value of a setting that is a whole number.

    Raises
    ------
    SettingError
        If it is none, or below the least one.
    """
    if isinstance(found, bool) or not isinstance(found, int) or found < least:
        raise SettingError(name, found, f"a whole number from {least} on")
    return found


def _check_choice(name: str, found: str, choices: tuple[str, ...]) -> None:
    if found not in choices:
        raise SettingError(name, found, " or ".join(choices))


def _texts(name: str, found: Any) -> tuple[str, ...]:
    if isinstance(found, (list, tuple)) and all(isinstance(each, str) for each in found):
        return tuple(found)
    raise SettingError(name, found, "a list of texts")


def is_file_name(name: str) -> bool:
    """Return whether Azure accepts the name of a file for the rows."""
    fits = 0 < len(name) <= _LONGEST_NAME and name not in {".", ".."}
    return fits and not _BAD_IN_NAMES.search(name)


def _check_file_name(name: str) -> None:
    if not is_file_name(name):
        raise SettingError("output_file_name", name, "the name of a file")


def _check_arguments(arguments: tuple[str, ...]) -> None:
    if arguments and not arguments[0].startswith("-"):
        raise ValueError(
            f"The first argument is {arguments[0]!r}; it must be the name of an option, which "
            "begins with a dash: Azure adds arguments of its own."
        )
    for each in arguments:
        name = each[2:].partition("=")[0] if each.startswith("--") else ""
        if name in _RESERVED:
            raise ValueError(f"--{name} is an argument of Azure's own: use another name.")
