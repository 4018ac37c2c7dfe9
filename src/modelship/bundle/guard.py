"""Run a program, and kill it with all its children if its caller exits first.

``python guard.py PARENT COMMAND...`` exits with the status of COMMAND. Meanwhile it checks whether
the process PARENT is still its parent. If not, PARENT was killed, and no process is left to stop
its children: the guard kills its session, which includes COMMAND.

It imports nothing of modelship and nothing outside the standard library.
"""

import os
import resource
import select
import signal
import sys

_LOOK_EVERY_S = 0.2
_NOT_FOUND = 127


def main(parent: str, *command: str) -> None:
    """Start `command`, and wait until it or `parent` exits."""
    if os.getpgrp() != os.getpid():
        os.setsid()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing)
    child = os.fork()
    if not child:
        become(command)
    ended = 0
    while not ended:
        if os.getppid() != int(parent):
            kill_session()
        select.select([reading], [], [], _LOOK_EVERY_S)
        ended, status = os.waitpid(child, os.WNOHANG)
    if os.getppid() != int(parent):  # it may have ended because of that
        kill_session()
    end_as(os.waitstatus_to_exitcode(status))


def kill_session() -> None:
    """Kill the processes of this session, and this one: some may have groups of their own."""
    own = os.getpid()
    names = os.listdir("/proc") if sys.platform == "linux" else []  # noqa: PTH208 - no imports
    for pid in map(int, filter(str.isdigit, names)):
        if pid != own:
            kill_member(pid, own)
    os.killpg(0, signal.SIGKILL)


def kill_member(pid: int, session: int) -> None:
    """Kill a process if it is in a session; it may end meanwhile, or belong to another user."""
    try:
        if os.getsid(pid) == session:
            os.kill(pid, signal.SIGKILL)
    except OSError:
        pass


def become(command: tuple[str, ...]) -> None:
    """Replace this process by `command`."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.execv(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
    finally:
        os._exit(_NOT_FOUND)


def end_as(code: int) -> None:
    """Exit with an exit code, or by the signal that a negative one stands for."""
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program itself has left one
        if -code not in {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
