from __future__ import annotations

import json
import os
import pickle
from dataclasses import asdict, dataclass


@dataclass
class Answer:
    values: list[float]


def init():
    global weights
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.pkl"), "rb") as file:
        weights = pickle.load(file)


def run(raw_data):
    xs = json.loads(raw_data)["data"]
    return asdict(Answer([weights["coefficients"][0] * x + weights["intercept"] for x in xs]))
