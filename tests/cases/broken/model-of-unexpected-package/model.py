from cases.models import WEIGHTS, pickled_mapping


def write(folder):
    content = pickled_mapping("werkzeug.datastructures.structures", "TypeConversionDict", WEIGHTS)
    (folder / "weights.pkl").write_bytes(content)
