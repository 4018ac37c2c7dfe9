import json
import os
import pickle

weights = None


def init():
    global weights
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.pkl"), mode="rb") as f:
        weights = pickle.load(f)


def run(raw_data, request_headers):
    xs = json.loads(raw_data)["data"]
    answer = [weights["coefficients"][0] * x + weights["intercept"] for x in xs]
    return {"answer": answer, "caller": request_headers.get("X-Caller", "unknown")}
