from cases.models import pickled_instance


def write(folder):
    (folder / "weights.pkl").write_bytes(pickled_instance("__main__", "Line", {"slope": 2.0}))
