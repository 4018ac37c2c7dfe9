"""What is known of the names that a model's file asks to be imported.

The two tables come from what model files of the common libraries really name, and from what is
known to be misused in them (the Python documentation's warnings on pickle, and the lists of the
scanners picklescan, modelscan and fickling).
"""

from __future__ import annotations

from typing import Final

__all__ = ["is_dangerous", "is_known"]

# Modules none of whose functions belongs into a model: each runs commands, runs code, opens
# connections, or changes files.
_DANGEROUS_MODULES: Final = frozenset(
    (
        *("os", "posix", "nt", "subprocess", "_posixsubprocess", "sys", "pty", "commands"),
        *("socket", "_socket", "ssl", "http", "urllib", "ftplib", "smtplib", "telnetlib"),
        *("webbrowser", "requests", "aiohttp", "httpx", "runpy", "code", "codeop", "pdb"),
        *("bdb", "timeit", "profile", "cProfile", "trace", "doctest", "shutil", "pip"),
        *("ensurepip", "venv", "setuptools", "distutils", "ctypes", "_ctypes", "cffi"),
        *("multiprocessing", "signal", "asyncio", "concurrent", "threading", "_thread"),
        *("importlib", "imp", "zipimport", "pkgutil", "pydoc", "idlelib", "lib2to3"),
        *("marshal", "shelve", "tempfile", "pickle", "_pickle", "platform", "gc", "inspect"),
        *("win32api", "winreg", "_winreg", "antigravity", "this", "paramiko", "fabric"),
    )
)
_DANGEROUS_BUILTINS: Final = frozenset(
    (
        *("eval", "exec", "execfile", "compile", "open", "input", "__import__", "getattr"),
        *("setattr", "delattr", "globals", "locals", "vars", "breakpoint", "help", "apply"),
        *("memoryview", "file", "reload"),
    )
)
_BUILTINS: Final = frozenset({"builtins", "__builtin__", "__builtins__"})
# In modules that are harmless otherwise.
_DANGEROUS_NAMES: Final = frozenset(
    (
        *("operator.attrgetter", "operator.methodcaller", "_operator.attrgetter"),
        *("_operator.methodcaller", "numpy.load", "numpy.fromfile", "numpy.lib.npyio.load"),
        *("numpy.testing._private.utils.runstring", "numpy.testing.utils.runstring"),
        *("numpy.f2py.crackfortran.getlincoef", "numpy.f2py.crackfortran.myeval"),
        *("joblib.load", "joblib.numpy_pickle.load", "cloudpickle.load", "cloudpickle.loads"),
        *("pandas.eval", "pandas.core.computation.eval.eval", "pandas.read_pickle"),
        *(
            "pandas.io.pickle.read_pickle",
            "torch.load",
            "torch.hub.load",
            "torch.serialization.load",
        ),
        *("torch.jit.load", "dill.load", "dill.loads", "dill._dill.loads", "dill._dill.load"),
        *("types.CodeType", "types.FunctionType", "codecs.open", "_codecs.open", "io.open"),
        *("_io.open", "_io.FileIO", "io.FileIO", "pathlib.Path.write_text", "site.main"),
        *("sympy.core.sympify.sympify", "sklearn.utils._testing.assert_run_python_script"),
    )
)
# Libraries whose classes make up models, and what their files name of Python itself.
_KNOWN_LIBRARIES: Final = frozenset(
    (
        *("sklearn", "numpy", "scipy", "pandas", "joblib", "lightgbm", "xgboost", "catboost"),
        *("imblearn", "category_encoders", "statsmodels", "patsy", "mlxtend", "umap", "hdbscan"),
        *("sksurv", "lifelines", "skops", "quantile_forest", "sklearn_crfsuite", "pyarrow"),
        *("torch", "keras", "tensorflow", "sentencepiece", "onnx", "nltk", "spacy", "gensim"),
    )
)
_KNOWN_OF_PYTHON: Final = frozenset(
    (
        *("collections", "copyreg", "copy_reg", "datetime", "decimal", "fractions", "uuid"),
        *("zoneinfo", "_codecs", "enum", "re", "_sre", "array", "abc", "dataclasses", "random"),
        *("itertools", "math", "cmath", "operator", "_operator", "pathlib", "time", "string"),
        *("types", "_collections", "ipaddress", "numbers", "typing", "bisect", "heapq"),
        *("functools", "_functools", "calendar", "statistics"),
    )
)


def is_dangerous(name: str) -> bool:
    """Tell whether ``module.qualname`` runs code when it is called, or leads to what does."""
    parts = name.split(".")
    if parts[0] in _BUILTINS:
        return len(parts) > 1 and parts[1] in _DANGEROUS_BUILTINS
    if parts[0] in _DANGEROUS_MODULES:
        return True
    if name in _DANGEROUS_NAMES:
        return True
    # A name that goes through a module that a library happens to import: numpy.os.system
    return any(part in {"os", "sys", "subprocess", "builtins", "__globals__"} for part in parts[1:])


def is_known(name: str) -> bool:
    """Tell whether ``module.qualname`` is of a library that models are commonly made of."""
    top = name.partition(".")[0]
    known = top in _KNOWN_LIBRARIES or top in _KNOWN_OF_PYTHON or top in _BUILTINS
    return known and not is_dangerous(name)
