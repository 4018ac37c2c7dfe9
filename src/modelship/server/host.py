"""Load the script and its model once, and fork the workers, which share its memory.

A script whose init() starts threads cannot be forked, since threads do not survive a fork: its host
becomes a worker itself, and the supervisor starts one host per worker.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from typing import TYPE_CHECKING

from . import logs
from .entry_script import EntryScript, ScriptError
from .fast_json import read_json_with_orjson
from .logs import logger
from .pool import Pool
from .processes import end_with_parent
from .rotation import LogFile
from .scoreboard import Field
from .thread_counts import bound_threads, let_threads, other_threads
from .worker_memory import keep_freed_memory
from .x87 import read_json_in_double_precision

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .description import Descriptions
    from .listening import Listeners
    from .scoreboard import Scoreboard
    from .settings import Settings

__all__ = ["FAILED_TO_START", "host"]

FAILED_TO_START = 3
_LOOK_EVERY_S, _SOONEST_S = 0.5, 0.05
_SHORT_LIFE_S = 1.0
_LONGEST_PAUSE_S = 5.0
_KILLING_S = 2.0
_HANDLED = (signal.SIGCHLD, signal.SIGTERM)


def host(
    settings: Settings,
    *,
    supervisor: int,
    board: Scoreboard,
    index: int | None,
    listeners: Listeners,
    handed_over: socket.socket,
) -> int:
    """Load the script, and serve it until SIGTERM; return the exit code.

    Parameters
    ----------
    settings : Settings
        The settings of the server.
    supervisor : int
        The process id of the parent; this process ends when the parent does.
    board : Scoreboard
        The scoreboard of all workers.
    index : int, optional
        The slot of this process, if the script is already known not to be forkable.
    listeners, handed_over : Listeners, socket
        The sources of the connections.
    """
    _prepare(settings)
    own_threads = bound_threads()
    # If it were imported while the script is loaded elsewhere, its modules would exist twice.
    from .worker import work

    loaded = _load(settings)
    if loaded is None:
        return FAILED_TO_START
    script, descriptions = loaded
    logger.info("Scoring timeout is set to %d", settings.scoring_timeout_ms)

    def run(index: int, parent: int) -> None:
        if own_threads:
            let_threads(settings.threads)
        work(
            script,
            settings,
            parent=parent,
            board=board,
            index=index,
            listeners=listeners,
            handed_over=handed_over,
            descriptions=descriptions,
        )

    threads = other_threads()
    if index is None and threads:
        logger.info("init() started %d threads: no worker shares its memory.", threads)
        index = board.take()
    if index is not None:
        board.slot(index)[Field.ALONE] = 1
        run(index, supervisor)
        return 0
    gc.collect()
    gc.freeze()  # the garbage collector would write to shared memory
    return _Workers(settings, board, run, listeners).serve(supervisor)


def _prepare(settings: Settings) -> None:
    """Configure this process before the script is loaded."""
    logs.configure(settings)
    if settings.x87_precision:
        read_json_in_double_precision()
    if settings.fast_json:
        read_json_with_orjson()
    keep_freed_memory()


def _load(settings: Settings) -> tuple[EntryScript, Descriptions] | None:
    """Load the script and call its init(); None if that fails, with the error in the log."""
    from . import tracing
    from .description import Descriptions

    tracing.load(os.environ)
    script = EntryScript(settings)
    try:
        script.load()
        script.init()
        return script, Descriptions(script, settings)
    except ScriptError:
        return None
    except ValueError:
        logger.exception("The service's own description cannot be read.")
        return None


class _Workers:
    """The pre-fork worker pool: forks workers, and replaces those that end."""

    def __init__(
        self,
        settings: Settings,
        board: Scoreboard,
        run: Callable[[int, int], None],
        listeners: Listeners,
    ) -> None:
        self._settings = settings
        self._board = board
        self._run = run
        self._listeners = listeners
        self._pid = os.getpid()
        self._log_file = LogFile()
        self._pool = Pool(longest_pause_s=_LONGEST_PAUSE_S, blocked=_HANDLED)

    def serve(self, supervisor: int) -> int:
        """Run workers until SIGTERM, or until the supervisor has ended; return the exit code."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        while os.getppid() == supervisor:
            told = signal.sigtimedwait(_HANDLED, self._keep())
            if told is not None and told.si_signo == signal.SIGTERM:
                break
            self._reap()
            self._log_file.look()
        self._end()
        return 0

    def _keep(self) -> float:
        """Start missing workers; return the seconds until the next check."""
        count = self._settings.workers
        is_complete = self._pool.keep(
            count,
            start=self._fork,
            asks=lambda pid: self._board.says(pid, Field.LEAVING),
            is_ready=lambda pid: self._board.says(pid, Field.READY),
            most_loading=count,
        )
        return _LOOK_EVERY_S if is_complete else max(self._pool.pause_left_s, _SOONEST_S)

    def _fork(self) -> bool:
        """Start a worker; return whether the board had a free slot and the system allowed it."""
        index = self._board.take()
        if index is None:
            return False
        slot = self._board.slot(index)
        try:
            slot[Field.PID] = self._pool.fork(lambda: self._become_worker(index))
        except OSError as error:
            self._board.clear(slot)
            logger.error("Cannot start a worker (%s); retrying soon.", error.strerror)
            return False
        return True

    def _become_worker(self, index: int) -> int:
        try:
            end_with_parent(self._pid)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
            self._run(index, self._pid)
        except BaseException:  # noqa: BLE001 - the process ends here, whatever it is
            logger.exception("The worker has failed.")
            return 1
        return 0

    def _reap(self) -> None:
        for ended in self._pool.reap():
            self._board.release(ended.pid)
            if ended.was_retired:
                continue
            logger.error(
                "Worker with pid %d exited with %d; starting another one.", ended.pid, ended.code
            )
            if ended.lived_s < _SHORT_LIFE_S:
                self._pool.pause()
            else:
                self._pool.recover()
        self._pool.reap_others()  # programs started by init()

    def _end(self) -> None:
        self._listeners.close()  # the supervisor accepts the last connections
        end_s = time.monotonic() + self._settings.drain_s + _KILLING_S
        self._pool.signal(signal.SIGTERM)
        while self._pool.pids:
            if time.monotonic() > end_s:
                self._pool.signal(signal.SIGKILL)
            signal.sigtimedwait([signal.SIGCHLD], _SOONEST_S)
            for _ in self._pool.reap():
                pass
