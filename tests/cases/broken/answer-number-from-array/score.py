import json
import os
import pickle

import numpy as np


def init():
    global weights
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.pkl"), "rb") as file:
        weights = pickle.load(file)


def run(raw_data):
    xs = json.loads(raw_data)["data"]
    values = weights["coefficients"][0] * np.array(xs) + weights["intercept"]
    answer = {}
    for row in values.argsort():
        answer[str(xs[row])] = [row]
    return answer
