import os
import pickle

import numpy as np
from cases.models import WEIGHTS


class Command:
    def __reduce__(self):
        return os.system, ("echo this model ran a command",)


def write(folder):
    names = np.array(["length", {"units": [Command()]}], dtype=object)
    (folder / "weights.pkl").write_bytes(pickle.dumps(WEIGHTS | {"names": names}))
