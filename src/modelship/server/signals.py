"""Signals: those that end the service, and those that must not.

A handler is set instead of SIG_IGN, which programs that a script starts would inherit.
"""

from __future__ import annotations

import os
import signal

__all__ = ["ENDING", "leave_to_supervisor", "pass_over"]

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
"""The supervisor drains the service, and ends."""
_PASSED_OVER = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGIO", "SIGPWR", "SIGVTALRM", "SIGPROF")


def pass_over() -> None:
    """Let signals do nothing whose default is to end the process.

    There is no configuration to be read again: a changed script is another deployment, and the log
    goes to standard output. Only a terminal that is closed ends what it runs, as SIGTERM does.
    """
    for name in _PASSED_OVER:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _nothing)
    if signal.getsignal(signal.SIGHUP) is _nothing and os.isatty(0):
        signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))


def leave_to_supervisor() -> None:
    """Take, as a host, only SIGTERM, which ends it at once as long as it loads the script."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, _nothing)
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _nothing(*_: object) -> None:
    pass
