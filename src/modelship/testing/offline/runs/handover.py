"""What the SDK unpacks and starts for a run on the target "local": it calls the workspace.

The SDK copies the project into a folder, unpacks what the workspace answers into it, and starts
``azureml-setup/Invocation.sh`` there. Who runs the script in the end is the workspace: it is on the
same machine, ends the script when the run is canceled, and does not leave it behind.
"""

from __future__ import annotations

import io
import shlex
import sys
import zipfile
from typing import Final

__all__ = ["handover"]

_FOLDER: Final = "azureml-setup"
_PROGRAM: Final = """\
import http.client, json, os, sys

port, path = sys.argv[1:]
found = json.dumps({"folder": os.getcwd(), "variables": dict(os.environ)})
connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
connection.request("PUT", path, found, {"Content-Type": "application/json"})
answer = connection.getresponse()
if answer.status >= 300:
    sys.exit(answer.read().decode("utf-8", "replace"))
"""


def handover(address: str, *, port: int) -> bytes:
    """Return the archive.

    Parameters
    ----------
    address : str
        The path and query that begin the run; good for that alone.
    port : int
        Where the workspace is served without TLS.
    """
    command = [sys.executable, "-I", f"{_FOLDER}/begin.py", str(port), address]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"{_FOLDER}/Invocation.sh", f"#!/bin/sh\nexec {shlex.join(command)}\n")
        archive.writestr(f"{_FOLDER}/begin.py", _PROGRAM)
    return content.getvalue()
