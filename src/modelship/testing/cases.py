"""Define the scoring scripts of the target contract; they need only the standard library."""

from __future__ import annotations

import hashlib

__all__ = ["EXITING", "FACTOR", "RAISING", "READING", "ROWS", "SCALING", "SCORED", "SLOW", "hidden"]

FACTOR = 3

ROWS = {"data": [1, 2.5, -4]}
"""A payload for `SCALING`."""

SCORED = [FACTOR * row for row in ROWS["data"]]
"""The answer to that payload."""


def hidden(value: str) -> str:
    """Return what the script `READING` reports about a secret."""
    return hashlib.sha256(value.encode()).hexdigest()


SCALING = '''\
"""Multiply each row by the model's factor; a row that is no number makes run() raise."""

import json
import os
import pickle


def init():
    global factor
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"), "rb") as file:
        factor = pickle.load(file)["factor"]
    print("the factor is", factor)


def run(raw_data):
    rows = json.loads(raw_data)["data"]
    print("scoring", len(rows), "rows")
    return [factor * float(row) for row in rows]
'''

READING = '''\
"""Answer a variable of the environment as init() saw it, and the digest of another."""

import hashlib
import os


def init():
    global seen
    secret = os.environ["CONTRACT_SECRET"].encode()
    seen = [os.environ["CONTRACT_PLAIN"], hashlib.sha256(secret).hexdigest()]


def run(raw_data):
    return seen
'''

RAISING = '''\
"""Raise in init()."""


def init():
    raise LookupError("no such feature: sepal length")


def run(raw_data):
    return []
'''

EXITING = '''\
"""End the whole process in init()."""

import sys


def init():
    sys.exit("the license has expired")


def run(raw_data):
    return []
'''

SLOW = '''\
"""Take a minute in init(), or until the script is removed."""

import os
import time


def init():
    for _ in range(1200):
        if not os.path.exists(__file__):
            return
        time.sleep(0.05)


def run(raw_data):
    return []
'''
