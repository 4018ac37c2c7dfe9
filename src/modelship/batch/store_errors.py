"""Define StoreError, to which the errors of all drivers of file systems are converted."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelship.diagnosis.redaction import covered
from modelship.errors import ModelshipError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["StoreError", "translated", "without_traces"]


class StoreError(OSError):
    """An object store has refused an operation, or could not be reached."""


@contextmanager
def translated(*passed: type[Exception]) -> Iterator[None]:
    """Convert what a driver raises in the body; many of its errors are no OSError.

    Parameters
    ----------
    *passed : type
        The errors that are not converted, next to those of modelship.

    Raises
    ------
    StoreError
        For any other error.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (ModelshipError, StoreError, *passed)):
            raise
        raise StoreError(covered(f"{type(error).__name__}: {error}".rstrip(".: "))) from error


@contextmanager
def without_traces() -> Iterator[None]:
    """Leave out asyncio's tracebacks of connections that a store has closed, in the body.

    A driver raises its own error of the same request.
    """
    logger = logging.getLogger("asyncio")
    logger.addFilter(_is_of_others)
    try:
        yield
    finally:
        logger.removeFilter(_is_of_others)


def _is_of_others(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    is_lost = isinstance(error, ConnectionError)
    return not (is_lost and "never retrieved" in record.getMessage())
