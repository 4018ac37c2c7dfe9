"""Map a failed import to the extra that provides it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelship.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["needs_extra"]


@contextmanager
def needs_extra(extra: str, *, purpose: str) -> Iterator[None]:
    """Convert a failing import in the body to the error that names `extra`.

    Raises
    ------
    MissingExtraError
        If a module is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(purpose=purpose, extra=extra) from error
