"""BentoML: a service with an API of arrays, and one that batches by itself."""

import os
from pathlib import Path

import bentoml
import joblib
import numpy as np


@bentoml.service(workers=1)
class Digits:
    """One request, one predict."""

    def __init__(self):
        """Load the model."""
        self.model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))

    @bentoml.api
    def score(self, data: np.ndarray) -> list[int]:
        """Return the predictions for the rows of `data`."""
        return self.model.predict(data).tolist()


@bentoml.service(workers=1)
class BatchedDigits:
    """Requests that come together are scored together ("adaptive batching")."""

    def __init__(self):
        """Load the model."""
        self.model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))

    @bentoml.api(batchable=True)
    def score(self, data: np.ndarray) -> np.ndarray:
        """Return the predictions for the rows of `data`."""
        return self.model.predict(data)
