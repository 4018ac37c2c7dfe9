"""Fails while a file `broken` is next to it."""

import json
from pathlib import Path


def init():
    pass


def run(raw_data):
    asked = json.loads(raw_data)
    if Path("broken").exists():
        raise KeyError("columns")
    return {"rows": asked["rows"]}
