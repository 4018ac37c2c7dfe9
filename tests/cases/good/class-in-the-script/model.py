from cases.models import pickled_instance


def write(folder):
    (folder / "line.pkl").write_bytes(pickled_instance("score", "Line", {"slope": 2.0}))
