"""The scoring script as people write it; azmlinfsrv and modelship run the same file."""

import json
import os
from pathlib import Path

import joblib
import numpy as np


def init():
    """Load the model."""
    global model  # noqa: PLW0603 - what init() and run() share, as Azure ML has it
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))


def run(raw_data):
    """Return the predictions for the rows in `raw_data`."""
    data = np.array(json.loads(raw_data)["data"])
    return model.predict(data).tolist()
