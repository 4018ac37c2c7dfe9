import functools
import json
import os
import pickle
import time


def timed(function):
    @functools.wraps(function)
    def wrapper(raw_data):
        started = time.perf_counter()
        answer = function(raw_data)
        return {"answer": answer, "took_s": time.perf_counter() - started}

    return wrapper


def init():
    global weights
    model_dir = os.environ["AZUREML_MODEL_DIR"]
    model_path = f"{model_dir}/weights.pkl"
    if not os.path.isfile(model_path):
        raise FileNotFoundError(model_path)
    with open(model_path, "rb") as file:
        weights = pickle.load(file)


@timed
def run(raw_data):
    xs = json.loads(raw_data)["data"]
    return [weights["coefficients"][0] * x + weights["intercept"] for x in xs]
