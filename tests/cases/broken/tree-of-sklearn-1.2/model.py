import numpy as np
from cases.models import digits, pickled_instance
from sklearn.tree import DecisionTreeClassifier


class Old:
    """A tree that pickles as it did before its nodes had the field missing_go_to_left."""

    def __init__(self, tree):
        self.tree = tree

    def __reduce__(self):
        make, arguments, state = self.tree.__reduce__()
        nodes = state["nodes"]
        fields = [name for name in nodes.dtype.names if name != "missing_go_to_left"]
        old = np.empty(len(nodes), dtype=[(name, nodes.dtype[name]) for name in fields])
        for name in fields:
            old[name] = nodes[name]
        return make, arguments, state | {"nodes": old}


def write(folder):
    state = dict(DecisionTreeClassifier().fit(*digits()).__dict__, _sklearn_version="1.2.2")
    state["tree_"] = Old(state["tree_"])
    content = pickled_instance("sklearn.tree._classes", "DecisionTreeClassifier", state)
    (folder / "model.pkl").write_bytes(content)
