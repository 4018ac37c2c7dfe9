"""Load the script once, and fork the processes that score: they share the memory of the model.

The host asks on a socket: ``{"fork": true}``, followed by the descriptors of a socket, of the rows
and of a log, is answered with ``{"pid": N}``; ``{"reap": N}`` with ``{"code": CODE}``, which is
null as long as that process runs. One that has ended keeps its number until the host has asked.

A script whose init() starts threads cannot be forked, since threads do not survive a fork; one with
``FORKABLE = False`` is not. The process then scores by itself, for the first request.
"""

from __future__ import annotations

import array
import gc
import os
import socket
import sys
import time
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

from ...server.processes import end_with_parent
from ...server.thread_counts import other_threads
from .scorer_loop import ScorerConnection, load, serve_calls
from .scorer_messages import receive, send

if TYPE_CHECKING:
    from .script_calls import ScriptCall

__all__ = ["fork_on_request"]

_OUT, _ERRORS = 1, 2
_REAPING_S = 1.0
_LOOK_EVERY_S = 0.01


def fork_on_request(descriptor: int) -> None:
    """Serve the requests of the host on a socket until it closes it."""
    end_with_parent(os.getppid())
    os.set_inheritable(descriptor, False)
    control = socket.socket(fileno=descriptor)
    try:
        script, call = load()
    except BaseException:  # noqa: BLE001 - the host shows it
        send(control, {"error": traceback.format_exc()})
        return
    forks = getattr(script.module, "FORKABLE", True) and not other_threads()
    send(control, {"ready": True, "forks": bool(forks)})
    gc.collect()
    gc.freeze()  # the garbage collector would write to shared memory
    while True:
        try:
            question, _ = receive(control)
        except (EOFError, OSError):
            return
        if "reap" in question:
            send(control, {"code": _reaped(question["reap"])})
        elif forks:
            send(control, {"pid": _forked(control, call)})
        else:
            _become_scorer(_descriptors(control), call)
            return


def _forked(control: socket.socket, call: ScriptCall) -> int:
    """Fork a process that scores, in a process group of its own; return its id."""
    descriptors, parent = _descriptors(control), os.getpid()
    _flush()
    pid = os.fork()
    if not pid:
        try:
            end_with_parent(parent)
            os.setpgid(0, 0)
            control.close()
            _become_scorer(descriptors, call)
            _flush()
        finally:
            os._exit(0)
    with suppress(OSError):  # it has done so itself
        os.setpgid(pid, pid)
    for each in descriptors:
        os.close(each)
    return pid


def _become_scorer(descriptors: list[int], call: ScriptCall) -> None:
    connection, memory, log = descriptors
    for each in (_OUT, _ERRORS):
        os.dup2(log, each)
    os.close(log)
    serve_calls(ScorerConnection(connection), memory, call)


def _descriptors(control: socket.socket) -> list[int]:
    """Return the descriptors that follow a request."""
    found = array.array("i")
    _, ancillary, _, _ = control.recvmsg(1, socket.CMSG_SPACE(3 * found.itemsize))
    for _, _, content in ancillary:
        found.frombytes(content[: len(content) - len(content) % found.itemsize])
    return list(found)


def _reaped(pid: int) -> int | None:
    """Return the exit code of a process, once it has ended; None if it runs on."""
    end_s = time.monotonic() + _REAPING_S
    while time.monotonic() < end_s:
        try:
            ended, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:  # the script has waited for it
            return 1
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(_LOOK_EVERY_S)
    return None


def _flush() -> None:
    with suppress(OSError, ValueError):  # the script may have closed them
        sys.stdout.flush()
        sys.stderr.flush()
