"""A bare ASGI application with orjson, for granian: no framework, no checks, no other routes."""

import os
from pathlib import Path

import joblib
import numpy as np
import orjson

model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))
HEADERS = [(b"content-type", b"application/json")]


async def app(scope, receive, send):
    """Answer any request with the predictions for the rows in its body."""
    if scope["type"] != "http":
        return
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message["body"])
        more = message.get("more_body", False)
    data = np.array(orjson.loads(b"".join(parts))["data"])
    answer = orjson.dumps(model.predict(data).tolist())
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": answer})
