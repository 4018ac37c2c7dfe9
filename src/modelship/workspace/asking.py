"""Call Azure ML's SDK silently, with a timeout, and with modelship's errors."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

from modelship.errors import WorkspaceUnreachableError
from modelship.progress import write_line
from modelship.workspace._sdk_errors import translate
from modelship.workspace.way_out import trusting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelship.errors import ModelshipError
    from modelship.workspace.location import WorkspaceLocation

__all__ = ["Asker", "quiet"]

_LOGGERS = ("azureml", "azure", "msrest", "msrestazure", "msal", "urllib3.connectionpool")
_INTERRUPTED_S: Final = 20.0  # a second Ctrl-C ends this, too
_SILENT_S: Final = 1.0

_muted: set[int] = set()
_lock = threading.Lock()
_before: dict[str, Any] = {}


class _Screen:
    """A stream that drops the output of muted threads."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() in _muted else self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _Handler(logging.Handler):
    """Replaces the parent loggers' handlers: passes on the records of other threads."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread not in _muted:
            logging.getLogger().handle(record)


_handler = _Handler()


def _is_of_others(record: logging.LogRecord) -> bool:
    """Return whether the thread of a record is not muted; a handler of a logger itself asks it."""
    return record.thread not in _muted


@contextmanager
def quiet() -> Iterator[None]:
    """Mute this thread while the body runs; several threads may do so at the same time.

    The output and logs of other threads are not affected.
    """
    me = threading.get_ident()
    if me in _muted:
        yield
        return
    with _lock:
        if not _muted:
            _mute()
        _muted.add(me)
    try:
        yield
    finally:
        with _lock:
            _muted.discard(me)
            if not _muted:
                _unmute()


def _mute() -> None:
    _before["stdout"], _before["stderr"] = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Screen(sys.stdout), _Screen(sys.stderr)
    _before["propagate"] = {name: logging.getLogger(name).propagate for name in _LOGGERS}
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(_handler)
        logger.addFilter(_is_of_others)
    _before["warnings"] = warnings.catch_warnings()
    _before["warnings"].__enter__()
    # Deprecations of the SDK itself and of its imports; the documentation covers them.
    warnings.filterwarnings("ignore", module=r"azureml|azure|msrest|pkg_resources|marshmallow")


def _unmute() -> None:
    for stream in ("stdout", "stderr"):
        screen = getattr(sys, stream)
        if isinstance(screen, _Screen):  # otherwise it has been replaced meanwhile
            setattr(sys, stream, _before[stream])
    for name, propagate in _before["propagate"].items():
        logger = logging.getLogger(name)
        logger.propagate = propagate
        logger.removeHandler(_handler)
        logger.removeFilter(_is_of_others)
    _before["warnings"].__exit__(None, None, None)


_Answer = TypeVar("_Answer")


class Asker:
    """Runs calls of the SDK, each in a thread of its own that is abandoned if it hangs.

    If the caller is interrupted, a call still has some seconds to end.
    """

    def __init__(
        self,
        location: WorkspaceLocation,
        *,
        muted: bool = True,
        translate: Callable[..., ModelshipError] = translate,
    ) -> None:
        self._location = location
        self._muted = muted
        self._translate = translate

    def __call__(self, doing: str, call: Callable[[], _Answer], *, timeout_s: float) -> _Answer:
        answers: list[_Answer] = []
        failures: list[BaseException] = []
        ended = threading.Event()

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
            finally:
                ended.set()

        # In the caller's context, so that a long transfer can show how far it is.
        thread = threading.Thread(
            target=copy_context().run, args=(work,), name=f"modelship: {doing}", daemon=True
        )
        is_in_time = self._waited(thread, ended, timeout_s)
        name = self._location.workspace_name
        if not is_in_time and not self._muted:
            raise TimeoutError
        if not is_in_time:
            raise WorkspaceUnreachableError(name, doing, f"no answer within {timeout_s:g} s")
        if failures:
            [error] = failures
            if not isinstance(error, Exception):
                error = RuntimeError(f"{type(error).__name__}: {error}")
            raise self._translated(error, doing) from error
        return answers[0]

    def _waited(self, thread: threading.Thread, ended: threading.Event, timeout_s: float) -> bool:
        """Start a call, and return whether it has ended in time."""
        try:
            thread.start()
            return ended.wait(timeout_s)
        except BaseException:
            # What the call makes can be undone once it is there; but nobody waits for a sign-in.
            if self._muted and thread.ident is not None:
                self._await_end(ended, min(timeout_s, _INTERRUPTED_S))
            raise

    def _await_end(self, ended: threading.Event, timeout_s: float) -> None:
        """Wait for a call whose caller was interrupted, and say so if that takes a while."""
        silent_s = min(timeout_s, _SILENT_S)
        if ended.wait(silent_s):
            return
        with suppress(OSError, ValueError):  # nobody reads it any more
            write_line(
                f"interrupted: waiting up to {timeout_s:.0f} s for an answer of the workspace "
                f"{self._location.workspace_name}; Ctrl-C again ends at once"
            )
        ended.wait(timeout_s - silent_s)

    def _translated(self, error: Exception, doing: str) -> ModelshipError:
        found = self._translate(error, workspace=self._location.workspace_name, doing=doing)
        if self._location.offline and isinstance(found, WorkspaceUnreachableError):
            found.advice = self._location.offline.remedy
        return found
