import pickle

from cases.models import WEIGHTS


def write(folder):
    (folder / "weights.pkl").write_bytes(pickle.dumps(WEIGHTS, protocol=4)[:-9])
