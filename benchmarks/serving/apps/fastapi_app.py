"""FastAPI twice: the cheapest path operation, and the one that its documents advise.

The cheapest is `async def`, which scores in the event loop; nothing else is answered meanwhile.
`def` is what the documents advise for work that blocks: FastAPI calls it in its thread pool. Both
take a dict, since a pydantic model with `list[list[float]]` checks each number, and costs more.
"""

import os
from contextlib import asynccontextmanager
from pathlib import Path

import joblib
import numpy as np
from fastapi import FastAPI

models = {}


@asynccontextmanager
async def lifespan(_app):
    """Load the model before the first request, as FastAPI's "Lifespan Events" has it."""
    models["digits"] = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))
    yield
    models.clear()


app = FastAPI(lifespan=lifespan)


def predict(body):
    """Return the predictions for the rows in `body`."""
    return models["digits"].predict(np.array(body["data"])).tolist()


@app.post("/score")
async def score(body: dict):
    """Score in the event loop."""
    return predict(body)


@app.post("/score-in-pool")
def score_in_pool(body: dict):
    """Score in the thread pool."""
    return predict(body)
