"""Answer requests with the inference server's application, without HTTP, in its environment.

``python in_process_child.py ANSWERS REQUESTS FIRST`` reads requests from the file REQUESTS, a line
of JSON each. It writes to the descriptor ANSWERS an empty object when it has started, and then the
answer to each request from number FIRST on, a line of JSON each.

It imports nothing of modelship, and nothing but the standard library and the server.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from typing import Any


def main(descriptor: str, path: str, first: str) -> None:
    """Load the script, and answer."""
    sys.path[0] = os.getcwd()  # as the server finds it there
    import azureml_inference_server_http as server

    # The server's start sets it so, for the application to put it into each answer.
    os.environ["HTTP_X_MS_SERVER_VERSION"] = f"azmlinfsrv/{server.__version__}"
    from azureml_inference_server_http.server.create_app import create

    client = create().test_client()
    with open(path) as file:
        requests = [json.loads(line) for line in file]
    os.write(int(descriptor), b"{}\n")  # it has started
    for number, request in enumerate(requests):
        if number >= int(first):
            answer = {"number": number, **ask(client, request)}
            os.write(int(descriptor), json.dumps(answer).encode() + b"\n")


def ask(client: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to one request, or why there is none."""
    try:
        response = client.open(
            request["path"],
            method=request["method"],
            headers=request["headers"],
            data=base64.b64decode(request["body"]),
        )
        body = response.get_data()
    except BaseException as error:  # noqa: BLE001 - SystemExit in run() ends a worker
        return {"failure": type(error).__name__}
    return {
        "status": response.status_code,
        "headers": list(response.headers.items()),
        "body": base64.b64encode(body).decode(),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
