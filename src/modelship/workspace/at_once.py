"""Send a few items at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["AT_ONCE", "at_once"]

AT_ONCE: Final = 4

_Item = TypeVar("_Item")


def at_once(send: Callable[[_Item], int], items: Iterable[_Item]) -> Iterator[int]:
    """Send a few items at a time, and yield the results in order; none is begun after a failure."""
    has_failed = threading.Event()

    def unless_failed(item: _Item) -> int:
        if has_failed.is_set():
            return 0  # nobody gets it: an earlier item has failed
        try:
            return send(item)
        except BaseException:
            has_failed.set()
            raise

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(unless_failed, items)
