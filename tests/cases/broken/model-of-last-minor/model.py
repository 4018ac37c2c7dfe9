from cases.models import classifier, pickled_instance


def write(folder):
    state = classifier().__dict__ | {"_sklearn_version": "1.5.2"}
    content = pickled_instance("sklearn.linear_model._logistic", "LogisticRegression", state)
    (folder / "model.pkl").write_bytes(content)
