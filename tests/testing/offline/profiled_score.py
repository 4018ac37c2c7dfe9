"""Score rows, and keep 60 MB of memory."""

import json


def init():
    global held  # noqa: PLW0603 - as scripts for Azure ML are written
    held = bytearray(60_000_000)


def run(raw_data):
    return json.loads(raw_data)["data"]
