import json
import os

import joblib
import pandas as pd


def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"))


def run(raw_data):
    frame = pd.DataFrame(json.loads(raw_data)["data"])
    frame["label"] = model.predict(frame[["length", "width"]].to_numpy())
    result = frame.to_dict(orient="records")
    return result
