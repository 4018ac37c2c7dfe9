"""Run trials in forks of a process that has imported what they import. Runs in their environment.

``python fork_trials.py DESCRIPTOR FOLDER_OF_GUARD`` reads orders from a socket: the folder, the
variables and the arguments of a trial, with three descriptors: its output, its report, and where
its process id and its exit code are to be sent. What imports take is paid once, so. A trial has a
guard as always, and ends as a Python does.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from pathlib import Path

_ORDER_BYTES = 1 << 17
_LIBRARIES = ("numpy", "pandas", "sklearn.linear_model", "sklearn.pipeline")


class Forked(BaseException):
    """Leave everything that the parent was in: this process is the trial now."""


def main(descriptor, folder_of_guard):
    """Serve orders until the socket is closed; in a trial, return its order."""
    importlib.import_module("azureml_inference_server_http.server.user_script")
    for name in _LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    sys.path.insert(0, folder_of_guard)
    guard = importlib.import_module("guard")
    del sys.path[0]
    gc.freeze()
    running = {}
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ended, wakes = os.pipe()
    os.set_blocking(wakes, False)
    os.set_blocking(ended, False)
    with socket.socket(fileno=int(descriptor)) as orders:
        while True:
            signal.set_wakeup_fd(wakes)
            ready, _, _ = select.select([orders, ended], [], [])
            if ended in ready:
                os.read(ended, 4096)
                report_ends(running)
            if orders in ready:
                order, descriptors, *_ = socket.recv_fds(orders, _ORDER_BYTES, 3)
                if not order:
                    return None
                begun = begin(guard, json.loads(order), descriptors, running)
                if begun is not None:
                    return begun


def begin(guard, order, descriptors, running):
    """Fork a guard, which forks the trial; in the trial, return its order."""
    output, report, told = descriptors
    process = os.fork()
    if process:
        running[process] = socket.socket(fileno=told)
        running[process].send(str(process).encode())
        os.close(output)
        os.close(report)
        return None
    signal.set_wakeup_fd(-1)
    os.dup2(output, 1)
    os.dup2(output, 2)
    guard.become = become
    try:
        guard.main(str(os.getppid()), "session")
    except Forked:
        return {**order, "report": report}
    finally:
        os.close(told)


def become(_):
    """Leave the guard's code, as the trial."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    raise Forked


def report_ends(running):
    """Send the exit code of each guard that has ended."""
    for process in [*running]:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            with running.pop(process) as told, contextlib.suppress(OSError):
                told.send(str(os.waitstatus_to_exitcode(status)).encode())


if __name__ == "__main__":
    order = main(*sys.argv[1:])
    if order is not None:
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["variables"])
        program, _, *arguments = order["arguments"]
        sys.argv = [program, str(order["report"]), *arguments]
        sys.path[0] = str(Path(program).parent)
        runpy.run_path(program, run_name="__main__")
