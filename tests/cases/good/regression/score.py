import json
import logging
import os

import joblib
import numpy as np

logger = logging.getLogger(__name__)


def init():
    """Load the model once."""
    global model
    path = os.path.join(os.getenv("AZUREML_MODEL_DIR"), "ridge.joblib")
    model = joblib.load(path)
    logger.info("model loaded from %s", path)


def run(raw_data):
    try:
        data = np.asarray(json.loads(raw_data)["data"], dtype=float)
        result = model.predict(data)
        return {"predictions": [round(float(value), 6) for value in result]}
    except Exception as error:
        logger.exception("scoring failed")
        return {"error": str(error)}
