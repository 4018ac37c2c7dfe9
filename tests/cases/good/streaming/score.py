import json
import os
import pickle

from azureml.contrib.services.aml_response import AMLResponse


def init():
    global weights
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.pkl"), "rb") as file:
        weights = pickle.load(file)


def run(raw_data):
    xs = json.loads(raw_data)["data"]

    def pieces():
        for x in xs:
            yield f"{weights['coefficients'][0] * x + weights['intercept']}\n"

    return AMLResponse(pieces(), 200)
