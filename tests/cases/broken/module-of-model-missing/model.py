from cases.models import pickled_instance


def write(folder):
    (folder / "weights.pkl").write_bytes(pickled_instance("churn.features", "Ratio", {"slope": 2.0}))
