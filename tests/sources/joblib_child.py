"""Loads files as joblib does, and says what they import; it imports and calls nothing of theirs.

Each line of its input is a path; each line of its output a JSON list of names.
"""

from __future__ import annotations

import json
import resource
import sys
import warnings

import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler

REAL = {
    "joblib.numpy_pickle.NumpyArrayWrapper": NumpyArrayWrapper,
    "numpy.dtype": np.dtype,
    "numpy.ndarray": np.ndarray,
}


class Inert:
    """It replaces any other name of a file, and accepts everything."""

    def __new__(cls, *arguments, **keywords):
        return object.__new__(cls)

    def __init__(self, *arguments, **keywords) -> None:
        pass

    def __setstate__(self, state) -> None:
        pass

    def __call__(self, *arguments, **keywords):
        return self


class Recorder(NumpyUnpickler):
    """joblib's own unpickler, except that it imports next to nothing."""

    def find_class(self, module, name):
        self.seen.append(f"{module}.{name}")
        return REAL.get(f"{module}.{name}", Inert)


def seen_in(path: str) -> list[str]:
    """Return what loading the file imports, until it fails or ends."""
    seen: list[str] = []
    with open(path, "rb") as file:  # noqa: PTH123 - as joblib opens it
        recorder = Recorder(path, file, ensure_native_byte_order=True)
        recorder.seen = seen
        try:
            recorder.load()
        except Exception:  # noqa: BLE001 - a broken file may fail in any way
            return seen
    return seen


def main() -> None:
    """Answer until the input ends."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
    for line in sys.stdin:
        print(json.dumps(seen_in(line.rstrip("\n"))), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
