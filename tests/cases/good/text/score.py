import json
import os

import joblib

MODEL_FILE = "text_clf.pkl"
LABELS = {0: "praise", 1: "complaint"}


def init():
    global pipeline
    model_path = os.path.join(os.getenv("AZUREML_MODEL_DIR", "."), MODEL_FILE)
    pipeline = joblib.load(model_path)


def run(raw_data):
    texts = json.loads(raw_data)["texts"]
    probabilities = pipeline.predict_proba(texts)
    return [
        {"label": LABELS[int(row.argmax())], "probability": round(row.max().item(), 4)}
        for row in probabilities
    ]
