"""Functions that models hold: in a FunctionTransformer, as a metric, a kernel, a score."""

import importlib
import inspect
import sys

from corpus.pickling.left_out import ALSO, NEVER, rejected
from corpus.pickling.noting import HOLD, LIBRARIES, note, quietly, take

PUBLIC = [
    "numpy",
    "numpy.linalg",
    "numpy.fft",
    "numpy.ma",
    "numpy.char",
    "numpy.strings",
    "numpy.polynomial.polynomial",
    "numpy.lib.scimath",
    "scipy.special",
    "scipy.stats",
    "scipy.stats.mstats",
    "scipy.stats.distributions",
    "scipy.spatial.distance",
    "scipy.linalg",
    "scipy.signal",
    "scipy.signal.windows",
    "scipy.ndimage",
    "scipy.interpolate",
    "scipy.integrate",
    "scipy.optimize",
    "scipy.fft",
    "scipy.fftpack",
    "scipy.sparse",
    "scipy.sparse.linalg",
    "scipy.sparse.csgraph",
    "scipy.cluster.vq",
    "scipy.cluster.hierarchy",
    "sklearn.metrics",
    "sklearn.metrics.pairwise",
    "sklearn.metrics.cluster",
    "sklearn.preprocessing",
    "sklearn.feature_selection",
    "sklearn.feature_extraction.text",
    "sklearn.feature_extraction.image",
    "sklearn.cluster",
    "sklearn.covariance",
    "sklearn.decomposition",
    "sklearn.linear_model",
    "sklearn.svm",
    "sklearn.manifold",
    "sklearn.neighbors",
    "sklearn.model_selection",
    "sklearn.utils",
    "sklearn.utils.extmath",
    "sklearn.utils.validation",
    "sklearn.utils.multiclass",
    "sklearn.base",
    "sklearn.pipeline",
    "sklearn.compose",
    "sklearn.isotonic",
    "sklearn.tree",
    "sklearn.inspection",
    "sklearn.calibration",
    "sklearn.random_projection",
    "imblearn.metrics",
    "imblearn.metrics.pairwise",
    "imblearn.pipeline",
]
PANDAS = [
    "to_datetime",
    "to_numeric",
    "to_timedelta",
    "get_dummies",
    "from_dummies",
    "isna",
    "isnull",
    "notna",
    "notnull",
    "cut",
    "qcut",
    "factorize",
    "unique",
    "concat",
    "merge",
    "value_counts",
    "date_range",
    "array",
    "Series",
    "DataFrame",
    "Index",
    "Categorical",
]
FRAME_METHODS = [
    "abs",
    "add",
    "all",
    "any",
    "astype",
    "bfill",
    "ffill",
    "clip",
    "corr",
    "count",
    "cov",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "describe",
    "diff",
    "div",
    "drop",
    "drop_duplicates",
    "dropna",
    "duplicated",
    "eq",
    "fillna",
    "first_valid_index",
    "floordiv",
    "ge",
    "gt",
    "head",
    "idxmax",
    "idxmin",
    "interpolate",
    "isin",
    "isna",
    "isnull",
    "le",
    "lt",
    "max",
    "mean",
    "median",
    "min",
    "mod",
    "mul",
    "ne",
    "notna",
    "notnull",
    "nunique",
    "pct_change",
    "pow",
    "prod",
    "quantile",
    "rank",
    "rename",
    "replace",
    "reset_index",
    "round",
    "set_index",
    "shift",
    "sort_index",
    "sort_values",
    "std",
    "sub",
    "sum",
    "tail",
    "to_numpy",
    "transpose",
    "truediv",
    "var",
    "mode",
    "mad",
    "kurt",
    "skew",
    "sem",
    "squeeze",
    "swapaxes",
    "sample",
    "add_prefix",
    "add_suffix",
    "infer_objects",
    "convert_dtypes",
    "copy",
    "to_dict",
    "to_list",
    "tolist",
    "to_frame",
    "unique",
    "value_counts",
    "between",
    "stack",
    "unstack",
    "melt",
    "pivot",
    "iterrows",
    "items",
    "map_",
    "nlargest",
    "nsmallest",
    "reindex",
    "filter",
    "get",
    "select_dtypes",
]


def public_functions():
    """Public functions and classes of the numeric libraries."""
    for module in PUBLIC:
        home = quietly(importlib.import_module, module)
        if home is None:
            continue
        for name in sorted(dir(home)):
            found = quietly(getattr, home, name)
            if name.startswith("_") or inspect.ismodule(found) or not callable(found):
                continue
            if NEVER.fullmatch(name) and name not in ALSO:
                continue
            canonical = getattr(found, "__module__", None) or module
            if canonical.split(".")[0] in LIBRARIES and not isinstance(found, type):
                take(found, "function", joblib=False)
    return iter(())


def ufuncs():
    """Ufuncs have no module of their own: they are named after whichever came first."""
    import numpy as np

    for module, home in sorted(sys.modules.items()):
        if module.split(".")[0] not in LIBRARIES or rejected(module) or not inspect.ismodule(home):
            continue
        for name, found in sorted(vars(home).items()):
            if isinstance(found, np.ufunc) and not NEVER.fullmatch(name):
                note(f"{module}.{name}", HOLD)
    return iter(())


def pandas_functions():
    """Functions and methods of pandas."""
    import pandas as pd

    for name in PANDAS:
        if hasattr(pd, name):
            take(getattr(pd, name), "pandas", joblib=False)
    for kind in (pd.DataFrame, pd.Series, pd.Index):
        for name in FRAME_METHODS:
            if callable(getattr(kind, name, None)):
                take(getattr(kind, name), "pandas", joblib=False)
    return iter(())
