"""mosec with orjson, as its documents write it; `batching` scores what comes together at once."""

import os
from pathlib import Path

import joblib
import numpy as np
import orjson
from mosec import Server, Worker

LARGEST_BATCH = 32


class Digits(Worker):
    """One request, one predict."""

    def __init__(self):
        """Load the model."""
        self.model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))

    def deserialize(self, data):
        """Read a body."""
        return np.array(orjson.loads(data)["data"])

    def serialize(self, data):
        """Write an answer."""
        return orjson.dumps(data)

    def forward(self, data):
        """Return the predictions for the rows of `data`."""
        return self.model.predict(data).tolist()


class BatchedDigits(Digits):
    """Requests that come together are scored together ("dynamic batching")."""

    def forward(self, data):
        """Return the predictions for the rows of each of several requests."""
        found = self.model.predict(np.concatenate(data)).tolist()
        answers = []
        for rows in map(len, data):
            answers.append(found[:rows])
            found = found[rows:]
        return answers


if __name__ == "__main__":
    server = Server()
    if os.environ.get("BATCHING"):
        server.append_worker(BatchedDigits, max_batch_size=LARGEST_BATCH, max_wait_time=1)
    else:
        server.append_worker(Digits)
    server.run()
