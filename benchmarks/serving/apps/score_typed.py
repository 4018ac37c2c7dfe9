"""The same script with its input declared; it runs on azmlinfsrv too, only slower."""

import os
from pathlib import Path

import joblib
import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema

# Each row is scored for itself: requests may be scored together.
BATCHABLE = True


def init():
    """Load the model."""
    global model  # noqa: PLW0603 - what init() and run() share, as Azure ML has it
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))


@input_schema("data", NumpyParameterType(np.zeros((1, 784)), enforce_shape=False))
def run(data):
    """Return the predictions for the rows of `data`."""
    return model.predict(data).tolist()
