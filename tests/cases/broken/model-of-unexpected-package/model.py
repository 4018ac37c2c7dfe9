from cases.models import WEIGHTS, pickled_call


def write(folder):
    content = pickled_call("werkzeug.datastructures.structures", "ImmutableDict", WEIGHTS)
    (folder / "weights.pkl").write_bytes(content)
