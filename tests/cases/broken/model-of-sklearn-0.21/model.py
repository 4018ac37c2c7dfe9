from cases.models import pickled_instance


def write(folder):
    (folder / "model.pkl").write_bytes(pickled_instance(
            "sklearn.linear_model.logistic",
            "LogisticRegression",
            {"C": 1.0, "_sklearn_version": "0.21.3"},
        ))
