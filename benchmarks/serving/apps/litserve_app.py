"""LitServe: one API, one worker, as its quick start has it."""

import os
import sys
from pathlib import Path

import joblib
import litserve as ls
import numpy as np


class Digits(ls.LitAPI):
    """The rows in, their predictions out."""

    def setup(self, device):  # noqa: ARG002 - LitServe gives it by its name
        """Load the model."""
        self.model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))

    def decode_request(self, request):
        """Return the rows of a request."""
        return np.array(request["data"])

    def predict(self, x):
        """Return the predictions for the rows."""
        return self.model.predict(x)

    def encode_response(self, output):
        """Return what becomes the answer's JSON."""
        return output.tolist()


if __name__ == "__main__":
    server = ls.LitServer(Digits(), accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[1]), generate_client_file=False)
