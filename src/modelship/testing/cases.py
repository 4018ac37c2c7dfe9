"""The scoring scripts that the target contract deploys; they need the standard library alone."""

from __future__ import annotations

__all__ = ["EXITING", "FACTOR", "RAISING", "SCALING", "SLOW"]

FACTOR = 3

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
