import json
import os
import pickle

LABELS = os.path.join(os.path.dirname(__file__), "..", "data", "labels.csv")


def init():
    global weights, labels
    with open(LABELS) as file:
        labels = file.read().split(",")
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.pkl"), "rb") as file:
        weights = pickle.load(file)


def run(raw_data):
    xs = json.loads(raw_data)["data"]
    return [weights["coefficients"][0] * x + weights["intercept"] for x in xs]
