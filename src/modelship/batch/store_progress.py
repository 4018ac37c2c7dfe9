"""Wait for an operation of a driver as long as it makes progress, however long that takes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

__all__ = ["while_progressing"]


async def while_progressing(awaited: Awaitable[Any], *, limit_s: float) -> Any:
    """Return what is awaited, if something arrives for it in each time limit.

    Each answer of the store, and each part of one, lets the driver take a step. So a listing of
    many pages has the time limit for each page.

    Parameters
    ----------
    awaited : Awaitable
        The operation.
    limit_s : float
        The longest time without a step, in seconds.

    Raises
    ------
    TimeoutError
        If it takes longer to the next step.
    """
    stepped = _Stepped(awaited)
    task = asyncio.ensure_future(_result_of(stepped))
    try:
        while not task.done():
            left_s = stepped.at + limit_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"no answer for {limit_s:.0f} s")
            await asyncio.wait([task], timeout=left_s)
        return task.result()
    finally:
        task.cancel()


class _Stepped:
    """Notes when what is awaited took its last step."""

    def __init__(self, awaited: Awaitable[Any]) -> None:
        self._awaited = awaited
        self.at = time.monotonic()

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._awaited.__await__()
        error: BaseException | None = None
        while True:
            self.at = time.monotonic()
            try:
                waits_for = next(steps) if error is None else steps.throw(error)
            except StopIteration as end:
                return end.value
            try:
                yield waits_for
                error = None
            except BaseException as raised:  # noqa: BLE001 - it is raised in what is awaited
                error = raised


async def _result_of(awaited: Awaitable[Any]) -> Any:
    return await awaited
