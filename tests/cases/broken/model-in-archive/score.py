import json
import os
import pickle
import tarfile


def init():
    global weights
    with tarfile.open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.tar")) as archive:
        weights = pickle.load(archive.extractfile("weights.pkl"))


def run(raw_data):
    xs = json.loads(raw_data)["data"]
    return [weights["coefficients"][0] * x + weights["intercept"] for x in xs]
