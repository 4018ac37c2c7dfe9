import pickle

from cases.models import classifier


def write(folder):
    (folder / "weights.pkl").write_bytes(pickle.dumps(classifier()))
