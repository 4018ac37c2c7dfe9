"""Load the script, and answer the host's calls until it closes its connection.

For each message ``{"layout": LAYOUT, "size": BYTES, "start": A, "stop": B}`` it calls run() with
the rows A to B of the shared memory, and answers ``{"columns": …}`` with their values, or
``{"error": TEXT}``.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...server.entry_script import EntryScript
from ...server.processes import end_with_parent
from ...server.thread_counts import bound_threads, let_threads
from .block_rows import BlockRows
from .scorer_messages import receive, send
from .script_calls import ScriptCall, call_for

__all__ = ["ScorerConnection", "load", "serve", "serve_calls"]

_NO_HOST = 70
_MOST_CHARACTERS = 10_000  # the host shortens it, once no secret is in it


@dataclass(frozen=True)
class _Place:
    """Where the script is: the settings that :class:`EntryScript` reads."""

    app_root: Path
    entry_script: str
    source_directory: str = ""


def load() -> tuple[EntryScript, ScriptCall]:
    """Import the script and call its init(); return how it is called with rows.

    Its exceptions propagate.
    """
    own_threads = bound_threads()
    place: Any = _Place(Path(os.environ["AML_APP_ROOT"]), os.environ["AZUREML_ENTRY_SCRIPT"])
    script = EntryScript(place)
    arguments = json.loads(os.environ.get("MODELSHIP_BATCH_ARGUMENTS", "[]"))
    sys.argv = [str(place.app_root / place.entry_script), *arguments]
    script.load()
    script.init()
    if not own_threads:
        os.environ.pop("MODELSHIP_BATCH_THREADS", None)
    return script, call_for(script)


def serve(descriptor: int, memory: int) -> None:
    """Load the script, and serve the host on a socket, with rows in a second descriptor."""
    end_with_parent(os.getppid())
    connection = ScorerConnection(descriptor)
    try:
        _, call = load()
    except BaseException:  # noqa: BLE001 - the host shows it
        connection.send({"error": traceback.format_exc()})
        return
    serve_calls(connection, memory, call)


def serve_calls(connection: ScorerConnection, memory: int, call: ScriptCall) -> None:
    """Answer the calls of the host until it closes its connection."""
    if threads := os.environ.get("MODELSHIP_BATCH_THREADS"):
        let_threads(int(threads))
    os.set_inheritable(memory, False)
    ready = {"form": call.form, "mini_batches": call.takes_mini_batches, "pid": os.getpid()}
    connection.send({"ready": True, **ready})
    rows = _Memory(memory)
    while True:
        try:
            question = connection.receive()
        except (EOFError, OSError):
            return
        _answer(connection, call, rows.of(question))


def _answer(connection: ScorerConnection, call: ScriptCall, rows: BlockRows) -> None:
    try:
        header, content = call.message(rows)
    except BaseException as error:  # noqa: BLE001 - so does the server
        told = traceback.format_exc()
        connection.send({"error": told, "reason": _line(error)})
    else:
        connection.send(header, content)


def _line(error: BaseException) -> str:
    """Return what an exception says, in one line."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - its own, of the script
        text = type(error).__name__
    return " ".join(text.split())[:_MOST_CHARACTERS]


class ScorerConnection:
    """The connection to the host, as long as it is the one that the process was started with.

    A script may close descriptors that are not its own, and then open files under their numbers;
    it may also fork, and return from run() twice.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # programs that the script starts have no use for it
        self._socket = socket.socket(fileno=descriptor)
        self._is = _identity(descriptor)
        self._pid = os.getpid()

    def send(self, header: dict[str, Any], content: Any = b"") -> None:
        """Send a message; exit if it is not for this process to send one."""
        self._require_own()
        try:
            send(self._socket, header, content)
        except OSError:  # the host has ended, or abandoned the call
            os._exit(_NO_HOST)

    def receive(self) -> dict[str, Any]:
        """Wait for a question."""
        question, _ = receive(self._socket)
        return question

    def _require_own(self) -> None:
        if os.getpid() != self._pid:
            os._exit(0)
        if _identity(self._socket.fileno()) != self._is:
            sys.stderr.write("The script closed the descriptors of its process.\n")
            sys.stderr.flush()
            os._exit(_NO_HOST)


def _identity(descriptor: int) -> tuple[int, int]:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return -1, -1
    return found.st_dev, found.st_ino


class _Memory:
    """The shared memory, mapped again after it has grown."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = 0
        self._view = memoryview(b"")

    def of(self, question: dict[str, Any]) -> BlockRows:
        """Return the rows of a call."""
        if question["size"] != self._size:
            self._size = question["size"]
            self._view = memoryview(mmap.mmap(self._descriptor, self._size, prot=mmap.PROT_READ))
        return BlockRows(question["layout"], self._view, question["start"], question["stop"])
