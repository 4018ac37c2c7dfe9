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
from .answer_columns import columns_of_answer
from .block_rows import BlockRows
from .scorer_messages import receive, send
from .script_calls import call_for

__all__ = ["serve"]


@dataclass(frozen=True)
class _Place:
    """Where the script is: the settings that :class:`EntryScript` reads."""

    app_root: Path
    entry_script: str
    source_directory: str = ""


def serve(descriptor: int, memory: int) -> None:
    """Serve the host on a socket, with rows in the memory of a second descriptor."""
    connection = socket.socket(fileno=descriptor)
    place: Any = _Place(Path(os.environ["AML_APP_ROOT"]), os.environ["AZUREML_ENTRY_SCRIPT"])
    script = EntryScript(place)
    arguments = json.loads(os.environ.get("MODELSHIP_BATCH_ARGUMENTS", "[]"))
    sys.argv = [str(place.app_root / place.entry_script), *arguments]
    try:
        script.load()
        script.init()
        call = call_for(script)
    except BaseException:  # noqa: BLE001 - the host shows it
        send(connection, {"error": traceback.format_exc()})
        return
    send(connection, {"ready": True, "form": call.form})
    rows = _Memory(memory)
    while True:
        try:
            question, _ = receive(connection)
        except (EOFError, OSError):
            return
        _answer(connection, call, rows.of(question), question["stop"] - question["start"])


def _answer(connection: socket.socket, call: Any, rows: BlockRows, count: int) -> None:
    try:
        header, content = columns_of_answer(call(rows), rows=count)
    except BaseException as error:  # noqa: BLE001 - so does the server
        told = traceback.format_exc()
        send(connection, {"error": told, "reason": f"{type(error).__name__}: {error}"})
    else:
        send(connection, {"columns": header}, content)


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
