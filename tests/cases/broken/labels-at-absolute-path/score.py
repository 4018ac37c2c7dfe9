import json
import os
import pickle


def init():
    global weights, labels
    with open("/mnt/project/labels.csv") as file:
        labels = file.read().split(",")
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.pkl"), "rb") as file:
        weights = pickle.load(file)


def run(raw_data):
    xs = json.loads(raw_data)["data"]
    return [weights["coefficients"][0] * x + weights["intercept"] for x in xs]
