"""A Python that has imported what a server imports, and launches services of the target process.

``python fork_services.py MODULE… < LISTENER``: each message on a connection asks for one service.
It is JSON with what ``launch.py`` of the target process is told, and brings files: where the exit
code of the launcher is to be written, where its output goes, and those that the service has under
the numbers in ``passed``. A service whose folder hides a module that is imported already is
refused.

It ends with the last connection. A service is no child of it, and outlives it, as one of a
new Python. None of the modules may read its folder, its arguments or a variable on import.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from fork_server import keep_only, reap

REFUSED = b"refused"
_MOST_BYTES = 1 << 20
_MOST_FILES = 4
_ALONE_S = 10.0
_IMPORTABLE = {"", ".py", ".pyc", ".so"}  # or a folder
_OF_PYTHON = len(sys.path)  # what servers add comes later
_STRINGS = slice(47, 49)  # of /proc/self/stat, after the name: where the first variables are


def main(*names):
    """Serve until the last connection is closed; return the command in each forked service only."""
    listener = socket.socket(fileno=0)
    for name in names:
        with suppress(ImportError):  # not in this environment
            importlib.import_module(name)
    gc.freeze()
    connected = [listener]
    while readable := select.select(connected, [], [], None if connected[1:] else _ALONE_S)[0]:
        for each in readable:
            if each is listener:
                connected.append(listener.accept()[0])
            elif (command := answer(each, connected)) is not None:
                return command
        if not connected[1:]:
            break
    sys.exit()


def answer(asking, connected):
    """Launch one service; return its command in that service, and else None."""
    text, files, _, _ = socket.recv_fds(asking, _MOST_BYTES, _MOST_FILES)
    reap()
    if not text:
        connected.remove(asking)
        asking.close()
        return None
    asked = json.loads(text)
    if hides_a_module(asked["folder"]):
        os.write(files[0], REFUSED)
    elif not os.fork():
        for each in connected:
            each.detach()  # all files are closed by their numbers
        launch(asked, *files)
        return asked["command"]
    for each in files:
        os.close(each)
    return None


def hides_a_module(folder):
    """Return whether a file in `folder` would be imported in place of what is here already."""
    found = [each for each in Path(folder).iterdir() if each.suffix in _IMPORTABLE]
    own = {each.name.partition(".")[0] for each in found}
    return not own.isdisjoint(each.partition(".")[0] for each in sys.modules)


def launch(asked, told, output, *passed):
    """Be the launcher; return in the service, once it has its files and its environment."""
    files = dict(zip(asked["passed"], passed, strict=True))
    nothing, told_at = os.open(os.devnull, os.O_RDONLY), max(files) + 1
    launcher, *arguments = asked["arguments"]
    try:
        for here, there in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(here, there)
        keep_only({**files, told_at: told})
        told = told_at
        os.setsid()
        os.sched_setaffinity(0, asked["cores"])
        os.chdir(asked["folder"])
        show_variables(asked["variables"])
        environment = runpy.run_path(launcher)["detach"](*arguments)
    except BaseException:  # noqa: BLE001 - this process ends here
        traceback.print_exc()
        os.write(told, b"1")
        os._exit(1)
    if environment is None:
        os.write(told, b"0")
        os._exit(0)
    show_variables(environment)
    first_unused = 5 if "MODELSHIP_GATE" in environment else 4
    os.closerange(first_unused, 1 << 16)  # as execve(2) does; then the launcher returns


def move_to(python):
    """Name all places in the environment as those of this Python, which may be a link to it."""
    here, there = sys.prefix, str(Path(python).parents[1])
    sys.path[:_OF_PYTHON] = [each.replace(here, there) for each in sys.path[:_OF_PYTHON]]
    for name in ("executable", "prefix", "exec_prefix"):
        setattr(sys, name, getattr(sys, name).replace(here, there))


def show_from_runpy(kind, error, traceback):
    """Show an exception without the frame of this file, which diagnosis takes for a script's."""
    sys.__excepthook__(kind, error.with_traceback(traceback.tb_next), traceback.tb_next)


def show_variables(variables):
    """Have these variables alone, and let /proc show them, as those that a program began with."""
    os.environ.clear()  # the C library does not look any more where the first ones were
    start, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[_STRINGS])
    shown = "".join(f"{name}={value}\0" for name, value in variables.items()).encode()
    ctypes.memmove(start, shown.ljust(end - start, b"\0"), end - start)
    os.environ.update(variables)


if __name__ == "__main__":
    command = main(*sys.argv[1:])
    move_to(command[0])
    sys.argv[1:] = command[3:]
    sys.excepthook = show_from_runpy
    sys.path[0] = str(Path.cwd())
    runpy.run_module(command[2], run_name="__main__", alter_sys=True)
