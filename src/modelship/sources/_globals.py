"""What is known of the names that a model's file asks to be imported.

The tables come from what model files of the common libraries really name, and from what is known
to be misused in them: the warnings of Python's documentation of pickle, and what the scanners
picklescan, modelscan and fickling look for.
"""

from __future__ import annotations

import enum
import re
from typing import Final

__all__ = ["Judgement", "Use", "is_dangerous", "is_known", "judge", "top_module"]


class Use(enum.Flag):
    """What loading a file does with a name that it imports.

    ``HOLD``: it is only stored. ``MAKE``: an instance is created, and no constructor that takes
    data runs. ``CALL``: it is called with arguments, or nobody can say what happens to it.
    """

    HOLD = enum.auto()
    MAKE = enum.auto()
    CALL = enum.auto()


class Judgement(enum.Enum):
    """``KNOWN`` is safe in these uses, ``UNKNOWN`` deserves a look, ``DANGEROUS`` blocks."""

    KNOWN = enum.auto()
    UNKNOWN = enum.auto()
    DANGEROUS = enum.auto()


# Modules of which nothing belongs into a model: they run commands or code, open connections,
# import what they are told to, or change files.
_DANGEROUS_MODULES: Final = frozenset(
    (
        *("os", "posix", "nt", "subprocess", "_posixsubprocess", "sys", "pty", "commands"),
        *("popen2", "pexpect", "sh", "plumbum", "invoke", "paramiko", "fabric", "psutil"),
        *("socket", "_socket", "socketserver", "ssl", "_ssl", "urllib", "urllib2", "httplib"),
        *("ftplib", "smtplib", "smtpd", "telnetlib", "poplib", "imaplib", "nntplib", "xmlrpc"),
        *("wsgiref", "requests", "urllib3", "aiohttp", "httpx", "webbrowser", "antigravity"),
        *("runpy", "code", "codeop", "pdb", "bdb", "timeit", "profile", "cProfile", "trace"),
        *("doctest", "shutil", "tempfile", "fileinput", "zipapp", "compileall", "py_compile"),
        *("pip", "ensurepip", "venv", "setuptools", "distutils", "_distutils_hack", "site"),
        *("ctypes", "_ctypes", "cffi", "_cffi_backend", "mmap", "multiprocessing", "signal"),
        *("asyncio", "concurrent", "threading", "_thread", "_xxsubinterpreters"),
        *("_interpreters", "interpreters", "importlib", "_frozen_importlib", "imp", "zipimport"),
        *("_frozen_importlib_external", "pkgutil", "pydoc", "modulefinder", "idlelib", "lib2to3"),
        *("marshal", "shelve", "dbm", "sqlite3", "pickle", "_pickle", "cPickle", "pickletools"),
        *("platform", "sysconfig", "_osx_support", "_aix_support", "gc", "faulthandler"),
        *("cgitb", "pipes", "mailcap", "test", "win32api", "winreg", "_winreg", "msvcrt", "wmi"),
        *("IPython", "ipykernel"),
    )
)
_BUILTINS: Final = frozenset({"builtins", "__builtin__", "__builtins__"})
_DANGEROUS_BUILTINS: Final = frozenset(
    (
        *("eval", "exec", "execfile", "compile", "open", "input", "raw_input", "__import__"),
        *("getattr", "setattr", "delattr", "hasattr", "globals", "locals", "vars", "dir"),
        *("breakpoint", "help", "apply", "memoryview", "file", "reload", "map", "filter"),
        *("exit", "quit", "__build_class__", "__loader__", "__spec__", "super", "print"),
    )
)
# In modules that hold much that is harmless.
_DANGEROUS_NAMES: Final = frozenset(
    (
        *("operator.attrgetter", "operator.methodcaller", "operator.call"),
        *("types.CodeType", "types.FunctionType", "types.LambdaType", "types.ModuleType"),
        *("codecs.open", "io.open", "io.open_code", "io.FileIO", "logging.FileHandler"),
        *("uuid._get_command_stdout", "linecache.getlines", "http.client", "http.server"),
        *("numpy.load", "numpy.loads", "numpy.fromfile", "numpy.memmap", "numpy.ctypeslib"),
        *("numpy.f2py", "numpy.distutils", "numpy.testing", "numpy.compat.py3k"),
        *("numpy.lib.npyio", "numpy.lib._npyio_impl", "numpy.lib.format", "numpy.lib._datasource"),
        *("scipy._lib._testutils", "scipy.weave"),
        *("pandas.eval", "pandas.core.computation", "pandas.read_pickle", "pandas.io.pickle"),
        *("joblib.load", "joblib.numpy_pickle.load", "joblib.externals.loky"),
        *("joblib.numpy_pickle.load_temporary_memmap", "joblib.numpy_pickle_compat.load"),
        *("joblib._utils.eval_expr", "joblib.parallel.BatchedCalls"),
        *("cloudpickle.load", "cloudpickle.loads", "cloudpickle.cloudpickle.subimport"),
        *("dill.load", "dill.loads", "dill._dill.load", "dill._dill.loads", "dill.source"),
        *("dill._dill._eval_repr", "dill._dill._getattribute", "jsonpickle", "yaml"),
        *("torch.load", "torch.hub", "torch.serialization", "torch.jit.load"),
        *("torch.storage._load_from_bytes", "torch.utils.cpp_extension", "torch._inductor"),
        *("torch.utils.collect_env", "torch.utils.bottleneck", "torch._dynamo"),
        *("torch.fx.experimental", "torch.utils._config_module"),
        *("torch.jit.unsupported_tensor_ops", "torch.package"),
        *("tensorflow.io", "tensorflow.python.lib.io", "tensorflow.load_library"),
        *("sklearn.utils._testing", "sklearn._build_utils"),
        *("sklearn.externals.joblib.load", "sklearn.externals.joblib.numpy_pickle.load"),
        *("sympy.core.sympify", "six.exec_", "six.moves", "future.utils", "nltk.data.load"),
        *("nltk.downloader", "spacy.load", "spacy.cli", "gensim.utils.unpickle"),
    )
)
# A way from one object to any other: numpy.os.system, Cls.__init__.__globals__.
_DANGEROUS_PARTS: Final = frozenset(
    (
        *("os", "_os", "sys", "_sys", "subprocess", "posix", "builtins", "__builtins__"),
        *("importlib", "shutil", "socket", "ctypes", "__globals__", "func_globals", "f_globals"),
        *("__subclasses__", "__getattribute__", "__import__", "__code__", "__loader__"),
    )
)
# Methods of pathlib.Path that change or read files, as in pathlib.Path.write_text.
_PATHS: Final = re.compile(r"pathlib\.(_local\.)?\w*Path\.\w+")

# What models' files name of Python itself.
_KNOWN_OF_PYTHON: Final = re.compile(
    r"""
    (builtins|__builtin__)\.(bool|bytearray|bytes|complex|dict|float|frozenset|int|list|long|object
      |range|reversed|set|slice|str|tuple|type|unicode|xrange|Ellipsis|NotImplemented|[A-Z]\w+)
    | (copyreg|copy_reg)\.(_reconstructor|__newobj__|__newobj_ex__)
    | _codecs\.encode
    | (collections|_collections)\.(OrderedDict|defaultdict|deque|Counter|ChainMap|User[A-Z]\w+)
    | datetime\.\w+ | decimal\.\w+ | fractions\.Fraction | uuid\.(UUID|SafeUUID)
    | zoneinfo\.ZoneInfo(\._unpickle)? | time\.struct_time | ipaddress\.\w+
    | enum\.[A-Z]\w+ | re\._compile | array\.(array|_array_reconstructor) | random\.(System)?Random
    | itertools\.\w+ | c?math\.\w+ | statistics\.\w+ | operator\.\w+ | string\.[A-Z]\w+
    | functools\.(partial|partialmethod) | types\.(SimpleNamespace|MappingProxyType|GenericAlias)
    | typing\._?[A-Z]\w* | numbers\.[A-Z]\w+ | inspect\.(Signature|Parameter|_ParameterKind|_empty)
    | pathlib\.(_local\.)?\w*Path | logging\.(getLogger|Logger|RootLogger) | weakref\.Weak\w+
    | abc\.ABC(Meta)?
    """,
    re.VERBOSE,
)
# Libraries that compute: models name their classes, and functions that compute too.
_NUMERIC: Final = frozenset(
    (
        *("sklearn", "numpy", "scipy", "pandas", "lightgbm", "xgboost", "catboost", "imblearn"),
        *("category_encoders", "statsmodels", "patsy", "mlxtend", "umap", "hdbscan", "sksurv"),
        *("lifelines", "quantile_forest", "sklearn_crfsuite", "pynndescent"),
    )
)
# Libraries that do more: of these, classes alone, and what puts their arrays together again.
_OTHERS: Final = frozenset(
    (
        *("joblib", "torch", "keras", "tensorflow", "onnx", "nltk", "spacy", "gensim", "pyarrow"),
        *("skops", "polars", "numba", "shap", "prophet", "pmdarima", "sktime", "interpret"),
    )
)
_REBUILDS: Final = re.compile(r"_?(rebuild|reconstruct|unpickle|_pyx_unpickle|new)_\w+|__newobj__")
# Functions that read, write or fetch have such names, whatever the library.
_SUSPICIOUS: Final = re.compile(
    r"_?(load|save|read|write|fetch|open|eval|exec|run|call|import|download|from(file|regex)"
    r"|loadtxt|loadmat|genfromtxt|savetxt|savez)s?"
    r"(_\w+)?|\w*_(load|import|module|file|command|exec|eval|script|pickle|shell)"
)
_NOT_OF_MODELS: Final = frozenset(
    ("testing", "_testing", "tests", "conftest", "setup", "_build_utils", "externals", "_pytest")
)
_INPUT_AND_OUTPUT: Final = ("pandas.io.", "scipy.io.", "sklearn.datasets.")


_CALLED_BY_PICKLERS: Final = ("cloudpickle.cloudpickle._", "dill._dill._create_")
# Compiled modules that give themselves a name without their package's.
_OF_PACKAGES: Final = {"_loss": "sklearn", "_catboost": "catboost"}


def top_module(name: str) -> str:
    """Return the top-level module or package that has ``module.qualname``."""
    top = name.partition(".")[0]
    return _OF_PACKAGES.get(top, top)


def judge(name: str, uses: Use) -> Judgement:
    """Return whether ``module.qualname`` is safe in what loading does with it.

    ``getattr(cls, "method")`` with a plain global and a constant text is the name
    ``cls.method``: pickle writes methods of built-in types so. Judge that name, as held.
    """
    if is_dangerous(name):
        return Judgement.DANGEROUS
    if is_known(name):
        return Judgement.KNOWN
    if Use.CALL in uses and not name.startswith(_CALLED_BY_PICKLERS):
        return Judgement.DANGEROUS
    return Judgement.UNKNOWN


def is_dangerous(name: str) -> bool:
    """Tell whether ``module.qualname`` runs code when it is called, or leads to what does."""
    # Much of Python is written twice: operator.attrgetter is _operator.attrgetter too.
    return _leads_to_code(name) or (name.startswith("_") and _leads_to_code(name[1:]))


def _leads_to_code(name: str) -> bool:
    parts = name.split(".")
    if parts[0] in _DANGEROUS_MODULES:
        return not name.startswith("urllib.parse.")
    if parts[0] in _BUILTINS:
        return not _DANGEROUS_BUILTINS.isdisjoint(parts[1:])
    if not _DANGEROUS_PARTS.isdisjoint(parts[1:]) or _PATHS.fullmatch(name):
        return True
    beginnings = (".".join(parts[:size]) for size in range(1, len(parts) + 1))
    return not _DANGEROUS_NAMES.isdisjoint(beginnings)


def is_known(name: str) -> bool:
    """Tell whether ``module.qualname`` is of Python, or of a library that models are made of."""
    if is_dangerous(name):
        return False
    parts = name.split(".")
    if not _NOT_OF_MODELS.isdisjoint(parts):
        return _is_class(parts[-1]) and parts[:3] == ["sklearn", "externals", "joblib"]
    if top_module(name) in _NUMERIC and not name.startswith(_INPUT_AND_OUTPUT):
        return not _SUSPICIOUS.fullmatch(parts[-1])
    if parts[0] in _OTHERS:
        return _is_class(parts[-1]) or bool(_REBUILDS.fullmatch(parts[-1]))
    return bool(_KNOWN_OF_PYTHON.fullmatch(name))


def _is_class(name: str) -> bool:
    return name.lstrip("_")[:1].isupper()
