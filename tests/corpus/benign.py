"""Benign models: whatever people save, in the formats that they save it in.

:func:`write_all` needs scikit-learn, NumPy and pandas alone; of other libraries it takes those that
are installed, as the benchmark's environment has them.
"""

import bz2
import collections
import copyreg
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import gzip
import importlib
import pickle
import re
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

from corpus.pickling.estimators import cheaper, fitted, inner, material

__all__ = ["RUN_CODE_OF_THE_FILE", "write_all"]


class _Kind(enum.Enum):
    ONE = 1


# Some releases of Python 3.11 write a member of an enum as getattr(CLASS, NAME).
_BY_GETATTR = {"cloudpickle-enum"} if _Kind.ONE.__reduce_ex__(2)[0] is getattr else ()
# Loading these runs functions that the file itself holds (a named tuple's __new__, for one), so
# that nobody can tell them from hostile ones without looking at bytecode.
RUN_CODE_OF_THE_FILE = frozenset({"cloudpickle-pair", "dill-dataclass", "dill-pair", *_BY_GETATTR})

# They need a minute, or something else than data.
SLOW = {"StackingClassifier", "StackingRegressor", "LogisticRegressionCV", "MultiTaskElasticNetCV"}
PROGRAM = """
import collections, dataclasses, enum, math, re
import numpy as np

LIMIT = 3.0

def clipped(values, limit=LIMIT):
    return np.clip(np.log1p(values), 0, limit)

plain = lambda values: values + 1

def scaled(by):
    return lambda values: values * by + LIMIT

class Scaler:
    kind: str = "own"
    def __init__(self, by=2):
        self.by = by
    def __eq__(self, other):
        return self.by == other.by
    def __call__(self, values):
        return self.scale(values)
    def scale(self, values):
        return np.asarray(values) * self.by
    @property
    def half(self):
        return self.by / 2

class Kind(enum.Enum):
    LOW = 1
    HIGH = 2

@dataclasses.dataclass
class Rule:
    limit: float = 1.0
    name: str = ""

Pair = collections.namedtuple("Pair", "low high")
"""


def write_all(folder, *, every=1):
    """Write each benign model into `folder`; yield its name and its path.

    Parameters
    ----------
    folder : Path
        An empty folder.
    every : int
        Of how many estimators of scikit-learn one is taken.

    Yields
    ------
    tuple[str, Path]
        What it is, and the file or folder that a user would pass on.
    """
    random = importlib.import_module("numpy.random")
    random.seed(0)  # whoever draws draws the same, and every run has the same files
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from _estimators(folder, every)
        for make in (_values, _formats, _boosters, _programs, _skops, _arrays, _onnx):
            with suppress(ImportError):
                yield from make(folder)


def _pickled(folder, name, thing, protocol=pickle.HIGHEST_PROTOCOL):
    path = folder / f"{name}.pkl"
    # LightGBM imports Dask where it is installed, whose tblib pickles exceptions in its own way.
    for kind, reduce in list(copyreg.dispatch_table.items()):
        if reduce.__module__.startswith("tblib"):
            del copyreg.dispatch_table[kind]
    path.write_bytes(pickle.dumps(thing, protocol))
    return name, path


def _dumped(folder, name, thing, suffix="joblib", **options):
    import joblib

    path = folder / f"{name}.{suffix}"
    joblib.dump(thing, path, **options)
    return name, path


def _estimators(folder, every):
    """Every estimator of scikit-learn, or each n-th, new and fitted where that is quick."""
    from sklearn.utils import all_estimators

    for name, kind in all_estimators()[::every]:
        model = None if name in SLOW else inner(kind, name)
        if model is None:
            continue
        yield _pickled(folder, f"{name}-new", model, 2)
        with_few = cheaper(model)
        for whole in fitted(with_few, name):
            yield _pickled(folder, name, whole)
            yield _dumped(folder, name, whole)


def _values(folder):
    """What models are put together of."""
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    import scipy.stats as st
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    X, y = material()
    frame = pd.DataFrame({"a": X[:, 0], "b": ["x", "y"] * 20, "c": pd.Categorical(["u", "v"] * 20)})
    columns = make_column_transformer((StandardScaler(), ["a"]), (OneHotEncoder(), ["b", "c"]))
    drawn = {"C": st.loguniform(0.1, 1), "max_iter": st.randint(5, 50)}
    things = {
        "pipeline": make_pipeline(columns, LogisticRegression()).fit(frame, y),
        "search": GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2).fit(X, y),
        "random-search": RandomizedSearchCV(LogisticRegression(), drawn, n_iter=2, cv=2).fit(X, y),
        "function": FunctionTransformer(np.log1p, inverse_func=np.expm1),
        "partial": FunctionTransformer(functools.partial(np.clip, a_min=0, a_max=1)),
        "frame-method": FunctionTransformer(pd.DataFrame.fillna, kw_args={"value": 0}),
        "text": TfidfVectorizer(tokenizer=str.split, preprocessor=str.lower).fit(["a b", "c d"]),
        "frame": frame,
        "dates": pd.DataFrame({"t": pd.date_range("2020", periods=3, tz="UTC")}),
        "series": [pd.Series([1, None], dtype="Int64"), pd.Series(["a"], dtype="string")],
        "index": [pd.RangeIndex(3), pd.MultiIndex.from_tuples([(1, "a")]), pd.Timestamp("2020")],
        "sparse": [sp.eye(3, format=form) for form in ("csr", "csc", "coo", "lil", "dok", "bsr")],
        "arrays": [np.zeros(3, code) for code in ("f8", "U3", "O", "M8[ns]", "?", "c16", ">i4")],
        "structured": np.zeros(2, [("a", "f8"), ("b", "U3"), ("c", "f4", (2,))]),
        "masked": np.ma.array([1.0, 2.0], mask=[0, 1]),
        "random": [np.random.default_rng(0), np.random.RandomState(0), np.random.SeedSequence(1)],
        "distributions": [st.norm(0, 1), st.binom(3, 0.5), st.rv_histogram(np.histogram([1, 2.0]))],
        "python": [
            decimal.Decimal(1),
            dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc),
            re.compile("a"),
            {1},
            Path("a"),
        ],
        "collections": [collections.OrderedDict(a=1), collections.defaultdict(list, a=[1])],
        "errors": [ValueError("x"), KeyError("x")],
    }
    for name, thing in things.items():
        for protocol in (0, 2, 4, 5):
            yield _pickled(folder, f"{name}-{protocol}", thing, protocol)
        yield _dumped(folder, name, thing)


def _formats(folder):
    """One forest as everyone packs it."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(3, max_depth=3).fit(*material())
    for compress in ("zlib", "gzip", "bz2", "xz", "lzma"):
        yield _dumped(folder, f"forest-{compress}", forest, compress=(compress, 3))
    yield _dumped(folder, "forest-sav", forest, "sav")
    content = pickle.dumps(forest, 4)
    for suffix, packed in {
        "pkl.gz": gzip.compress(content),
        "pkl.bz2": bz2.compress(content),
        "model": content,
        "dat": pickle.dumps(forest, 0),
    }.items():
        path = folder / f"forest.{suffix}"
        path.write_bytes(packed)
        yield f"forest-{suffix}", path
    place = folder / "a-folder"
    place.mkdir()
    _pickled(place, "model", forest)
    (place / "labels.txt").write_text("no\nyes\n")
    (place / "MLmodel").write_text("flavors: {}\n")
    yield "folder", place


def _boosters(folder):
    """Models of xgboost, LightGBM and CatBoost, and what builds on them."""
    X, y = material()
    for module, name, options in (
        ("xgboost", "XGBClassifier", {"n_estimators": 3}),
        ("xgboost", "XGBRegressor", {"n_estimators": 3}),
        ("lightgbm", "LGBMClassifier", {"n_estimators": 3, "verbose": -1}),
        ("lightgbm", "LGBMRegressor", {"n_estimators": 3, "verbose": -1}),
        ("catboost", "CatBoostClassifier", {"iterations": 3, "verbose": 0}),
    ):
        try:
            home = importlib.import_module(module)
        except ImportError:
            continue
        if module == "catboost":
            options["allow_writing_files"] = False
        model = getattr(home, name)(**options).fit(X, y)
        yield _pickled(folder, f"{module}-{name}", model)
        yield _dumped(folder, f"{module}-{name}", model)
    statsmodels = importlib.import_module("statsmodels.api")
    yield _pickled(folder, "statsmodels-OLS", statsmodels.OLS(y, X).fit())


def _programs(folder):
    """Functions and classes that the file carries along."""
    space = {"__name__": "__main__", "dataclasses": dataclasses, "enum": enum}
    exec(PROGRAM, space)
    things = {
        "function": space["clipped"],
        "closure": space["scaled"](2.0),
        "class": space["Scaler"],
        "instance": space["Scaler"](3),
        "enum": space["Kind"].LOW,
        "dataclass": space["Rule"](2.0, "x"),
        "pair": space["Pair"](1, 2),
        "lambda": space["plain"],
        "in a dict": {"rule": space["clipped"], "scaler": space["Scaler"]()},
    }
    for module in ("cloudpickle", "joblib.externals.cloudpickle", "dill"):
        with suppress(ImportError):
            home = importlib.import_module(module)
            for name, thing in things.items():
                path = folder / f"{module}-{name}.pkl"
                with suppress(pickle.PicklingError):  # dill looks for it in the program
                    path.write_bytes(home.dumps(thing))
                    yield path.stem, path


def _skops(folder):
    """Files of skops."""
    import skops.io
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    for kind in (SVC, RandomForestClassifier, HistGradientBoostingClassifier):
        path = folder / f"skops-{kind.__name__}.skops"
        skops.io.dump(make_pipeline(StandardScaler(), kind()).fit(*material()), path)
        yield path.stem, path


def _arrays(folder):
    """Arrays in files of their own."""
    import numpy as np

    np.save(folder / "weights.npy", np.eye(3))
    np.savez(folder / "weights.npz", a=np.eye(3), b=np.array(["x", "y"]))
    np.savez_compressed(folder / "packed.npz", a=np.eye(3))
    for name in ("weights.npy", "weights.npz", "packed.npz"):
        yield name, folder / name
    with zipfile.ZipFile(folder / "labels.zip", "w") as archive:
        archive.writestr("labels.txt", "no\nyes\n")
    yield "labels.zip", folder / "labels.zip"


def _onnx(folder):
    """A network of one layer."""
    import onnx
    from onnx import TensorProto, helper

    node = helper.make_node("Relu", ["x"], ["y"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in "xy"]
    graph = helper.make_graph([node], "relu", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, producer_name="tests"), folder / "relu.onnx")
    yield "relu.onnx", folder / "relu.onnx"
