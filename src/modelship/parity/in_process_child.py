"""Answer requests with Azure ML's server application, without HTTP, in its environment.

``python in_process_child.py ANSWERS REQUESTS FIRST MOST_BYTES`` reads requests from the file
REQUESTS, a line of JSON each. It writes to the descriptor ANSWERS an empty object when it has
started, and then the answer to each request from number FIRST on, a line of JSON each.

It imports only the standard library, the server, and a file of modelship that imports nothing else:
as on the targets, the exporter of Application Insights is imported when it is used.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import runpy
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

__all__: list[str] = []

_EXPORTER = Path(__file__).resolve().parents[1] / "runtime" / "deferred_exporter.py"


def main(descriptor: str, path: str, first: str, most_bytes: str) -> None:
    """Load the script, and answer the requests."""
    sys.path[0] = os.getcwd()  # as the server finds it there
    runpy.run_path(str(_EXPORTER))["install"]()
    import azureml_inference_server_http as server

    # The server's start sets this, so that the application adds it to each answer.
    os.environ["HTTP_X_MS_SERVER_VERSION"] = f"azmlinfsrv/{server.__version__}"
    from azureml_inference_server_http.server.create_app import create

    gc.freeze()  # at exit Python looks through all objects; those of the script, still
    client = create().test_client(use_cookies=False)
    with open(path) as file:
        requests = [json.loads(line) for line in file]
    os.write(int(descriptor), b"{}\n")  # it has started
    for number, request in enumerate(requests):
        if number >= int(first):
            answer = {"number": number, **ask(client, request, most_bytes=int(most_bytes))}
            os.write(int(descriptor), json.dumps(answer).encode() + b"\n")


def ask(client: Any, request: dict[str, Any], *, most_bytes: int) -> dict[str, Any]:
    """Return the answer to one request, or why there is none."""
    try:
        response = client.open(
            request["path"],
            method=request["method"],
            headers=request["headers"],
            data=base64.b64decode(request["body"]),
        )
    except BaseException:  # noqa: BLE001 - so does gunicorn with sys.exit() in run()
        return of_gunicorn()
    body = bytearray()
    try:
        with closing(response):
            for chunk in response.iter_encoded():
                body += chunk
                if len(body) > most_bytes:
                    return {"failure": "too large"}
    except BaseException:  # noqa: BLE001 - a stream that breaks off is no answer, whatever it raises
        return {"failure": "ended"}
    return answered(response.status_code, list(response.headers.items()), bytes(body))


def of_gunicorn() -> dict[str, Any]:
    """Return gunicorn's answer to an exception that the application does not catch: a page."""
    from gunicorn import util

    ours, its = socket.socketpair()
    with closing(ours), closing(its):
        util.write_error(its, 500, "Internal Server Error", "")
        _, _, page = ours.recv(1 << 16).partition(b"\r\n\r\n")
    return answered(500, [("Content-Type", "text/html")], page)


def answered(status: int, headers: list[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """Return an answer as JSON values."""
    return {"status": status, "headers": headers, "body": base64.b64encode(body).decode()}


if __name__ == "__main__":
    main(*sys.argv[1:])
