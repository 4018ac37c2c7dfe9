import json
import os

import joblib
import numpy as np


def init():
    global model
    global names
    bundle = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"))
    model, names = bundle["model"], bundle["names"]


def run(raw_data):
    data = np.array(json.loads(raw_data)["data"])
    predictions = model.predict(data)
    return [dict(zip(names, row.tolist())) for row in predictions]
