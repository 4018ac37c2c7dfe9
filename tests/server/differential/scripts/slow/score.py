"""A run() that takes longer than it may, in ways of its own."""

import json
import time


def init():
    """Do nothing."""


def _caught():
    try:
        time.sleep(30)
    except TimeoutError:
        return "caught"


def _caught_any():
    try:
        time.sleep(30)
    except Exception as error:
        return type(error).__name__


def _busy():
    end_s = time.monotonic() + 30
    while time.monotonic() < end_s:
        pass


def _finally():
    try:
        time.sleep(30)
    finally:
        print("cleaned up")


WAYS = {"sleep": lambda: time.sleep(30), "busy": _busy, "caught": _caught,
        "caught any": _caught_any, "finally": _finally, "short": lambda: "short"}  # fmt: skip


def run(raw_data):
    """Take as long as asked."""
    return WAYS[json.loads(raw_data)]()
