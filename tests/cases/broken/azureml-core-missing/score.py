import json
import pickle

from azureml.core.model import Model


def init():
    global weights
    with open(Model.get_model_path("weights"), "rb") as file:
        weights = pickle.load(file)


def run(raw_data):
    xs = json.loads(raw_data)["data"]
    return [weights["coefficients"][0] * x + weights["intercept"] for x in xs]
