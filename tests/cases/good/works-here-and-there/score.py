import json
import os
import pickle

if "AZUREML_MODEL_DIR" in os.environ:
    MODEL = os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.pkl")
else:
    MODEL = os.path.join("outputs", "weights.pkl")


def init():
    global weights
    with open(MODEL, "rb") as file:
        weights = pickle.load(file)


def run(raw_data):
    request = json.loads(raw_data)
    xs = request["data"] if isinstance(request, dict) else request
    return [weights["coefficients"][0] * x + weights["intercept"] for x in xs]


if __name__ == "__main__":
    import argparse

    import matplotlib.pyplot as plt

    parser = argparse.ArgumentParser()
    parser.add_argument("--file", default="../data/sample.json")
    arguments = parser.parse_args()
    init()
    with open(arguments.file) as file:
        print(run(file.read()))
    plt.show()
