import json
import pickle


def init():
    global weights
    with open("outputs/weights.pkl", "rb") as file:
        weights = pickle.load(file)


def run(raw_data):
    xs = json.loads(raw_data)["data"]
    return [weights["coefficients"][0] * x + weights["intercept"] for x in xs]
