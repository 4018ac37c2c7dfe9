"""Run a program, and kill it with all its children if its caller exits first.

``python guard.py PARENT SCOPE COMMAND...`` exits with the status of COMMAND. Meanwhile it checks
whether the process PARENT is still its parent. If not, PARENT was killed, and no process is left to
stop its children: the guard kills its session, which includes COMMAND. If SCOPE is ``descendants``,
it also kills what was started in other sessions, then and when COMMAND ends: on Linux, a process
whose parent has ended becomes a child of the guard.

It imports nothing of modelship and nothing outside the standard library.
"""

import os
import resource
import select
import signal
import sys
import time

_LOOK_EVERY_S = 0.2
_NOT_FOUND = 127
_PR_SET_CHILD_SUBREAPER = 36
_PF_EXITING = 0x4  # in the flags of proc_pid_stat(5)
_KILLING_S = 5.0
_REAP_EVERY_S = 0.005


def main(parent: str, scope: str, *command: str) -> None:
    """Start `command`, and wait until it or `parent` exits."""
    if os.getpgrp() != os.getpid():
        os.setsid()
    adopts = scope == "descendants"
    if adopts:
        adopt_orphans()
    reading, writing = os.pipe()
    for each in (reading, writing):
        os.set_blocking(each, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing)
    child = os.fork()
    if not child:
        become(command)
    status = None
    while status is None:
        if os.getppid() != int(parent):
            kill_session()
        if select.select([reading], [], [], _LOOK_EVERY_S)[0]:
            os.read(reading, 4096)
        status = reaped(child)
    if os.getppid() != int(parent) or is_ending(parent):  # it may have ended because of that
        kill_session()
    if adopts:
        kill_members()
    end_as(os.waitstatus_to_exitcode(status))


def is_ending(pid: str) -> bool:
    """Return whether a process is ending: its files are closed before its children see its end."""
    try:
        return bool(int(stat_of(pid)[6]) & _PF_EXITING)
    except OSError:
        return False


def stat_of(pid: str) -> list[bytes]:
    """Return the fields of proc_pid_stat(5) from the state on."""
    with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - no imports
        return file.read().rpartition(b")")[2].split()


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own parent ends, where this is Linux."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reaped(child: int) -> int | None:
    """Reap the children that have ended; return the status of `child`, if it has."""
    pid = -1
    while pid:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            return status
    return None


def kill_session() -> None:
    """Kill the processes of this session, all children of this process, and itself."""
    kill_members()
    os.killpg(0, signal.SIGKILL)


def kill_members() -> None:
    """Kill the other processes of this session, and this one's children until it has none.

    Some of the session may have groups of their own. The children of a process that is killed may
    become children of this one.
    """
    end_s = time.monotonic() + _KILLING_S
    while sys.platform == "linux" and time.monotonic() < end_s:
        for pid in os.listdir("/proc"):  # noqa: PTH208 - no imports
            if pid.isdigit():
                kill_member(pid, os.getpid())
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(_REAP_EVERY_S)


def kill_member(pid: str, own: int) -> None:
    """Kill a process of a session, or a child; it may end meanwhile, or belong to another user."""
    try:
        _, parent, _, session = stat_of(pid)[:4]
        if int(pid) != own and own in {int(parent), int(session)}:
            os.kill(int(pid), signal.SIGKILL)
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
