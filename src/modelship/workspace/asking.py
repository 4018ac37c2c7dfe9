"""Call Azure ML's SDK silently, with a timeout, and with modelship's errors."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from modelship.errors import WorkspaceUnreachableError
from modelship.workspace._quiet import quiet
from modelship.workspace._sdk_errors import translate
from modelship.workspace.trust import trusting

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.errors import ModelshipError
    from modelship.workspace.location import WorkspaceLocation

__all__ = ["Asker"]

_Answer = TypeVar("_Answer")


class Asker:
    """Runs calls of the SDK, each in a thread of its own that is abandoned if it hangs."""

    def __init__(self, location: WorkspaceLocation, *, muted: bool = True) -> None:
        self._location = location
        self._muted = muted

    def __call__(self, doing: str, call: Callable[[], _Answer], *, timeout_s: float) -> _Answer:
        answers: list[_Answer] = []
        failures: list[BaseException] = []

        def work() -> None:
            try:
                with ExitStack() as stack:
                    if self._muted:
                        stack.enter_context(quiet())
                    if self._location.offline:
                        stack.enter_context(trusting(Path(self._location.offline.ca_bundle)))
                    answers.append(call())
            except BaseException as error:  # noqa: BLE001 - SystemExit too: it goes to who waits
                failures.append(error)

        thread = threading.Thread(target=work, name=f"modelship: {doing}", daemon=True)
        thread.start()
        thread.join(timeout_s)
        name = self._location.workspace_name
        if thread.is_alive() and not self._muted:
            raise TimeoutError
        if thread.is_alive():
            raise WorkspaceUnreachableError(name, doing, f"no answer within {timeout_s:g} s")
        if failures:
            [error] = failures
            if not isinstance(error, Exception):
                error = RuntimeError(f"{type(error).__name__}: {error}")
            raise self._translated(error, doing) from error
        return answers[0]

    def _translated(self, error: Exception, doing: str) -> ModelshipError:
        found = translate(error, workspace=self._location.workspace_name, doing=doing)
        if self._location.offline and isinstance(found, WorkspaceUnreachableError):
            found.advice = self._location.offline.remedy
        return found
