import json
import os
import pickle


def init():
    global weights
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.pkl"), "rb") as file:
        weights = pickle.load(file)


def run(raw_data):
    xs = json.loads(raw_data)["data"]
    return [weights["coefficients"][0] * x + weights["intercept"] for x in xs]
