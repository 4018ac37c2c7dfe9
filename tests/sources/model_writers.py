"""The ways in which programs write models as pickles, by what they are called in tests."""

import pickle

import cloudpickle
import joblib

__all__ = ["WRITERS"]

WRITERS = {
    "joblib": joblib.dump,
    "packed": lambda held, path: joblib.dump(held, path, compress=3),
    "cloudpickle": lambda held, path: path.write_bytes(cloudpickle.dumps(held)),
    **{
        f"pickle {protocol}": lambda held, path, protocol=protocol: path.write_bytes(
            pickle.dumps(held, protocol)
        )
        for protocol in range(2, 6)
    },
}
