import json
import os

import joblib
import numpy as np


def init():
    global scaler, classifier
    folder = os.path.join(os.environ["AZUREML_MODEL_DIR"], "trained")
    scaler = joblib.load(os.path.join(folder, "scaler.joblib"))
    classifier = joblib.load(os.path.join(folder, "classifier.joblib"))


def run(raw_data):
    rows = scaler.transform(np.array(json.loads(raw_data)["data"]))
    labels = classifier.predict(rows)
    return labels.tolist()
