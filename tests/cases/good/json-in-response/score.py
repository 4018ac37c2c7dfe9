import json
import os
import pickle
from datetime import datetime, timezone

from azureml.contrib.services.aml_response import AMLResponse


def init():
    global weights
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.pkl"), "rb") as file:
        weights = pickle.load(file)


def run(raw_data):
    started = datetime.now(timezone.utc)
    xs = json.loads(raw_data)["data"]
    answer = [weights["coefficients"][0] * x + weights["intercept"] for x in xs]
    took = datetime.now(timezone.utc) - started
    print(json.dumps({"rows": len(xs), "took_s": took.total_seconds()}))
    body = json.dumps({"answer": answer})
    return AMLResponse(body, 200, {"content-type": "application/json"})
