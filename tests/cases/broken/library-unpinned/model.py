import sklearn

from cases.models import classifier, pickled_instance


def write(folder):
    major, minor, patch = sklearn.__version__.split(".")[:3]
    other = f"{major}.{minor}.{int(patch) - 1 if int(patch) else 1}"
    state = classifier().__dict__ | {"_sklearn_version": other}
    content = pickled_instance("sklearn.linear_model._logistic", "LogisticRegression", state)
    (folder / "model.pkl").write_bytes(content)
