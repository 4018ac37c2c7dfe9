import json
import os

from service.loading import load_weights
from service.math import scaling


def init():
    global weights
    weights = load_weights(os.environ["AZUREML_MODEL_DIR"])


def run(raw_data):
    xs = json.loads(raw_data)["data"]
    return [round(scaling.line(weights, scaling.scale(x)), 6) for x in xs]
