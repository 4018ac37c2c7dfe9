"""The scoring script, which also goes wrong in the ways that a request asks for."""

import itertools
import json
import os
import time
from pathlib import Path

import joblib
import numpy as np

kept = []


def init():
    """Load the model."""
    global model  # noqa: PLW0603 - what init() and run() share, as Azure ML has it
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))


def run(raw_data):
    """Return the predictions for the rows in `raw_data`, or go wrong before."""
    request = json.loads(raw_data)
    FAULTS[request.get("fault")](request)
    return model.predict(np.array(request["data"])).tolist()


def never_end(_request):
    """Run for ever, in Python code."""
    while True:
        pass


def never_end_in_c(_request):
    """Run for ever in C code, which neither lets another thread run nor looks for signals."""
    sum(itertools.repeat(0))


def leak(request):
    """Keep memory for ever."""
    kept.append(b"x" * (request["mib"] * 2**20))


def take_time(request):
    """Take some time."""
    time.sleep(request["seconds"])


FAULTS = {
    None: lambda _request: None,
    "never_end": never_end,
    "never_end_in_c": never_end_in_c,
    "leak": leak,
    "take_time": take_time,
}
