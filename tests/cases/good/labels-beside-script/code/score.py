import csv
import json
import os
import pickle

HERE = os.path.dirname(os.path.abspath(__file__))


def init():
    global weights, limits
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.pkl"), "rb") as file:
        weights = pickle.load(file)
    with open(os.path.join(HERE, "labels.csv"), newline="") as file:
        limits = [(name, float(limit)) for name, limit in csv.reader(file)]


def run(raw_data):
    xs = json.loads(raw_data)["data"]
    values = [weights["coefficients"][0] * x + weights["intercept"] for x in xs]
    return [next(name for name, limit in limits if value < limit) for value in values]
