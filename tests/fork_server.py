"""A program that imports modules once, and then starts programs that have them already.

``python fork_server.py MODULE… < SOCKET``: each message on the socket asks for one program (JSON:
its module, arguments, folder, variables and the numbers of its files) and brings files: where its
output goes, where its exit code is to be written, and those that it has under these numbers. The
answer is its process id. Most of what a server's start takes is imports; none of these modules may
read its folder, its arguments or a variable on import.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
from contextlib import suppress

_MOST_BYTES = 1 << 20
_MOST_FILES = 8


def main(names):
    """Serve until the other end is closed; return in each forked program only."""
    for name in names:
        importlib.import_module(name)
    gc.freeze()
    asking = socket.socket(fileno=0)
    while True:
        text, files, _, _ = socket.recv_fds(asking, _MOST_BYTES, _MOST_FILES)
        reap()
        if not text:
            os._exit(0)
        output, told, *passed = files
        server = os.getpid()
        if not os.fork():
            asked = json.loads(text)
            if not _keep(asking, told, server, [output, *passed]):
                return asked, output, passed
        for each in files:
            os.close(each)


def _keep(asking, told, server, files):
    """Fork the program and wait for its end; return False in it.

    If the test process dies, this program ends, and with it what it has started.
    """
    _end_with_parent(signal.SIGKILL, server)
    keeper = os.getpid()
    program = os.fork()
    if not program:
        _end_with_parent(signal.SIGTERM, keeper)
        os.close(told)
        return False
    for each in files:
        os.close(each)
    asking.send(str(program).encode())
    _, status = os.waitpid(program, 0)
    os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _end_with_parent(number, parent):
    ctypes.CDLL(None).prctl(1, number, 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it ended before
        os._exit(1)


def reap():
    with suppress(ChildProcessError):  # there are none
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def become(asked, output, passed):
    """Make this process what a new Python with these arguments would be."""
    os.setsid()
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["variables"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(here, there)
    keep_only(dict(zip(asked["passed"], passed, strict=True)))
    sys.argv[1:] = asked["arguments"]
    sys.path[0] = asked["folder"]
    runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)


def keep_only(files):
    """Close all files but the first three and these, which get the numbers that they have here."""
    free = max(files, default=2) + 1
    moved = {there: fcntl.fcntl(each, fcntl.F_DUPFD, free) for there, each in files.items()}
    os.closerange(3, free)
    for there, each in moved.items():
        os.dup2(each, there)
    os.closerange(free, 1 << 16)


def ending_at_once(run, *arguments):
    """Run a program in a fork, and end as Python does, without taking all modules apart.

    That would copy the memory that it shares with the other forks.
    """
    code = 0
    try:
        run(*arguments)
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        code = ended.code or 0
    threading._shutdown()
    atexit._run_exitfuncs()
    for each in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # the program may have closed it
            each.flush()
    os._exit(code & 0xFF)


if __name__ == "__main__":
    ending_at_once(become, *main(sys.argv[1:]))
