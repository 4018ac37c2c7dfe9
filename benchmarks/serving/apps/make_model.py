"""Fit the model, in an environment with the scikit-learn that will load it.

`python make_model.py FOLDER [MNIST]` leaves in FOLDER `model.joblib`, and for 1 and 30 rows a
body as JSON, a body as npy, and the predictions.
"""

import gzip
import json
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression

SEED = 784
INKED = 0.2  # of the pixels of a digit, about, as in MNIST


def idx(folder, name, *, offset):
    """Return the bytes of one of MNIST's files, without its header."""
    with gzip.open(Path(folder, name)) as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=offset)


def mnist(folder):
    """Return 5,000 training images, their labels, and 30 test images; pixels from 0 to 1."""
    images = idx(folder, "train-images-idx3-ubyte.gz", offset=16).reshape(-1, 784)[:5000]
    labels = idx(folder, "train-labels-idx1-ubyte.gz", offset=8)[:5000]
    rows = idx(folder, "t10k-images-idx3-ubyte.gz", offset=16).reshape(-1, 784)[:30]
    return images / 255.0, labels, rows / 255.0


def random_digits():
    """Return the same from random images, as sparse as MNIST's and with the same pixel values."""
    random = np.random.default_rng(SEED)
    prototypes = random.integers(1, 256, (10, 784)) * (random.random((10, 784)) < INKED)
    labels = np.arange(3030) % 10
    shade = random.integers(128, 256, (3030, 1)) / 255.0
    images = (prototypes[labels] * shade).astype(np.uint8) / 255.0
    return images[:3000], labels[:3000], images[3000:]


def main(folder, mnist_dir=None):
    """Write the files."""
    X, y, rows = mnist(mnist_dir) if mnist_dir else random_digits()
    model = LogisticRegression(max_iter=60).fit(X, y)
    joblib.dump(model, Path(folder, "model.joblib"))
    for count in (1, 30):
        some = rows[:count]
        np.save(Path(folder, f"rows-{count}.npy"), some)
        for name, value in (
            (f"rows-{count}.json", {"data": some.tolist()}),
            (f"rows-{count}-mlflow.json", {"inputs": some.tolist()}),
            (f"rows-{count}-predictions.json", model.predict(some).tolist()),
        ):
            Path(folder, name).write_text(json.dumps(value))


if __name__ == "__main__":
    main(*sys.argv[1:])
