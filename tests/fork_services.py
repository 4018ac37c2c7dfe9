"""A Python that has imported what a server imports, and starts services and other programs.

``python fork_services.py MODULE… < LISTENER``: each message on a connection asks for one. It is
JSON, and brings files: where it is told what became of it, where the output goes, and those that
it has under the numbers in ``passed``. For a service of the target process it has what
``launch.py`` is told, and the exit code of the launcher comes back; a program has a guard, whose
process id comes back at once, and then its exit code. What has a folder that hides a module that
is imported already is refused.

It ends with the last connection, and programs with it. A service is no child of it, and outlives
it, as one of a new Python. None of the modules may read its folder, its arguments or a variable on
import.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from types import ModuleType

import fork_server
from fork_server import ending_at_once, keep_only, reap

REFUSED = b"refused"
_MOST_BYTES = 1 << 20
_MOST_FILES = 4
_ALONE_S = 10.0
_IMPORTABLE = {"", ".py", ".pyc", ".so"}  # or a folder
_OF_PYTHON = len(sys.path)  # what servers add comes later
_OURS = (__file__, fork_server.__file__)
_STRINGS = slice(47, 49)  # of /proc/self/stat, after the name: where the first variables are


class Begun(BaseException):
    """Leaves the guard's code: this process is the program now."""


def main(*names):
    """Serve until the last connection is closed; return what is asked for in each fork only."""
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
            elif (asked := answer(each, connected)) is not None:
                return asked
        if not connected[1:]:
            break
    os._exit(0)


def answer(asking, connected):
    """Start what is asked for; return that in the new process, and else None."""
    text, files, _, _ = socket.recv_fds(asking, _MOST_BYTES, _MOST_FILES)
    reap()
    if not text:
        connected.remove(asking)
        asking.close()
        return None
    asked = json.loads(text)
    if hides_a_module(asked["folder"]):
        os.write(files[0], REFUSED)
        return finished(files)
    for each in asked["executed"]:
        compiled(each)
    if not os.fork():
        for each in connected:
            each.detach()  # all files are closed by their numbers
        (watch if "guard" in asked else launch)(asked, *files)
        return asked
    return finished(files)


def finished(files):
    """Close the files of a message."""
    for each in files:
        os.close(each)


@cache
def compiled(path):
    """Return the code of a file of modelship, which all forks execute."""
    return compile(Path(path).read_bytes(), path, "exec")


def executed(path, name):
    """Execute a file of modelship as a module, and return its names."""
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = path
    exec(compiled(path), vars(module))
    return vars(module)


def hides_a_module(folder):
    """Return whether a file in `folder` would be imported in place of what is here already."""
    found = [each for each in Path(folder).iterdir() if each.suffix in _IMPORTABLE]
    own = {each.name.partition(".")[0] for each in found}
    return not own.isdisjoint(each.partition(".")[0] for each in sys.modules)


def launch(asked, told, output, *passed):
    """Be the launcher; return in the service, once it has its files and its environment."""
    launcher, *arguments = asked["arguments"]
    try:
        told = settle(asked, told, output, passed)
        environment = executed(launcher, "launch")["detach"](*arguments)
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


def watch(asked, told, output, *passed):
    """Be the guard; return in the program that it starts."""
    own = executed(asked["guard"], "guard")
    parent, ends = str(os.getppid()), own["end_as"]

    def end_as(code):
        os.write(told, f"{code}\n".encode())
        ends(code)

    own |= {"end_as": end_as, "become": partial(become, asked)}
    told = settle(asked, told, output, passed)
    os.write(told, f"{os.getpid()}\n".encode())
    with suppress(Begun):
        own["main"](parent, "session")


def become(asked, _):
    """Leave the guard as the program, which has no files of the guard."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    keep_only({each: each for each in asked["passed"]})
    if "PYTHONFAULTHANDLER" in asked["variables"]:
        faulthandler.enable()
    raise Begun


def settle(asked, told, output, passed):
    """Have the files, the folder and the variables that are asked for; return where `told` is."""
    files = dict(zip(asked["passed"], passed, strict=True))
    nothing, told_at = os.open(os.devnull, os.O_RDONLY), max(files) + 1
    for here, there in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(here, there)
    keep_only({**files, told_at: told})
    os.setsid()
    os.sched_setaffinity(0, asked["cores"])
    os.chdir(asked["folder"])
    show_variables(asked["variables"])
    return told_at


def move_to(python):
    """Name all places in the environment as those of this Python, which may be a link to it."""
    here, there = sys.prefix, str(Path(python).parents[1])
    sys.path[:_OF_PYTHON] = [each.replace(here, there) for each in sys.path[:_OF_PYTHON]]
    for name in ("executable", "prefix", "exec_prefix"):
        setattr(sys, name, getattr(sys, name).replace(here, there))


def show_below(kind, error, traceback):
    """Show an exception without the frames of what starts it, which diagnosis takes for its."""
    while traceback and traceback.tb_frame.f_code.co_filename in _OURS:
        traceback = traceback.tb_next
    sys.__excepthook__(kind, error.with_traceback(traceback), traceback)


def show_variables(variables):
    """Have these variables alone, and let /proc show them, as those that a program began with."""
    os.environ.clear()  # the C library does not look any more where the first ones were
    start, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[_STRINGS])
    shown = "".join(f"{name}={value}\0" for name, value in variables.items()).encode()
    ctypes.memmove(start, shown.ljust(end - start, b"\0"), end - start)
    os.environ.update(variables)


def run(python, *arguments):
    """Run a module or a file, as this Python."""
    move_to(python)
    sys.excepthook = show_below
    if arguments[0] == "-m":
        sys.argv[1:] = arguments[2:]
        sys.path[0] = str(Path.cwd())
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = arguments
        sys.path[0] = str(Path(arguments[0]).parent)
        executed(arguments[0], "__main__")


if __name__ == "__main__":
    ending_at_once(run, *main(*sys.argv[1:])["command"])
