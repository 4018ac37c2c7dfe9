"""Refuse options of a job with ParallelRunStep's mini-batches that ParallelRunStep would refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.batch.job_options import OUTPUT_ACTIONS, BatchOptions
from modelship.batch.mini_batch.mini_batch_settings import is_file_name, size_of
from modelship.batch.output_names import is_data
from modelship.bundle.mini_batch_scripts import mini_batch_function
from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    from modelship.bundle import ScoringBundle

__all__ = ["require_mini_batches"]

_USUAL: Final = BatchOptions()
_OF_MINI_BATCHES: Final = ("append_row_file_name", "mini_batch_size", "partition_keys")
_ALL_PERCENT: Final = 100
_OF_ROWS: Final = ("output_format", "piece_bytes", "call_rows", "columns")


def require_mini_batches(
    bundle: ScoringBundle,
    options: BatchOptions,
    *,
    mini_batch_error_threshold: int = -1,
    allowed_failed_percent: float = 100,
) -> None:
    """Check the options of mini-batches, and that a script takes them.

    Raises
    ------
    InvalidOptionError
        If one is not valid, or is without effect.
    """
    action = options.output_action
    if action not in OUTPUT_ACTIONS:
        raise InvalidOptionError("output_action", action, "'append_row' or 'summary_only'")
    _require_percent(allowed_failed_percent)
    if not action and mini_batch_error_threshold != -1:
        expected = "-1: it has no effect without output_action"
        raise InvalidOptionError("mini_batch_error_threshold", mini_batch_error_threshold, expected)
    if not action and allowed_failed_percent != _ALL_PERCENT:
        expected = "100: it has no effect without output_action"
        raise InvalidOptionError("allowed_failed_percent", allowed_failed_percent, expected)
    if not action:
        _require_usual(
            options, _OF_MINI_BATCHES, "nothing here: it has no effect without output_action"
        )
        return
    _require_usual(options, _OF_ROWS, f"nothing here: it has no effect with {action}")
    if not mini_batch_function(bundle):
        expected = f"a script with run(mini_batch), which {bundle.entry_script} does not define"
        raise InvalidOptionError("output_action", action, expected)
    _require_size(options)
    if options.partition_keys and options.mini_batch_size:
        expected = "nothing here: partition_keys decides what a mini-batch is"
        raise InvalidOptionError("mini_batch_size", options.mini_batch_size, expected)
    name = options.append_row_file_name
    if not (is_file_name(name) and is_data(name)):
        expected = "the name of a file that does not begin with '_' or '.'"
        raise InvalidOptionError("append_row_file_name", name, expected)


def _require_percent(given: float) -> None:
    if not 0 <= given <= _ALL_PERCENT:  # nor is NaN
        raise InvalidOptionError("allowed_failed_percent", given, "a number from 0 to 100")


def _require_usual(options: BatchOptions, names: tuple[str, ...], expected: str) -> None:
    for each in names:
        found: Any = getattr(options, each)
        if found != getattr(_USUAL, each):
            raise InvalidOptionError(each, found, expected)


def _require_size(options: BatchOptions) -> None:
    found = options.mini_batch_size
    if found == "":
        return
    try:
        size = size_of(found)
    except ValueError:
        size = 0
    if options.are_files and not str(found).isdigit():
        raise InvalidOptionError("mini_batch_size", found, "how many files run() gets, such as 10")
    if size < 1:
        expected = "a number of bytes from 1 on, such as '1024', '10KB' or '10MB'"
        raise InvalidOptionError("mini_batch_size", found, expected)
