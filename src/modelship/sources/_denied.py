"""List names that run code when called, or lead to such code.

The lists are based on known attacks: the warnings in Python's documentation of pickle, the patterns
of the scanners picklescan, modelscan and fickling, and findings in libraries used for models. A
name on none of these lists is not necessarily safe: see :mod:`modelship.sources._globals`.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["DANGEROUS_MODULES", "leads_to_code"]

# Modules that do not belong in a model: they run commands or code, open connections, import modules
# by name, or change files.
DANGEROUS_MODULES: Final = frozenset(
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
        *("breakpoint", "help", "apply", "memoryview", "file", "reload"),
        *("exit", "quit", "__build_class__", "__loader__", "__spec__", "super", "print"),
    )
)
# Names in modules that are mostly harmless.
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
        # They unpickle, import or evaluate their arguments.
        *("scipy._lib._uarray._backend.unpickle_function", "numpy.core._ufunc_reconstruct"),
        *("numpy._core._ufunc_reconstruct", "numba.core.serialize", "typing.ForwardRef"),
        *("patsy", "formulaic", "statsmodels.formula", "pandas.core.frame.DataFrame.query"),
        *("polars.expr", "polars.lazyframe", "polars.io", "polars.sql", "dill._dill._create_type"),
        *("dill._dill._import_module", "dill._dill._getattr", "dill._dill._load_type"),
        *("dill._dill._create_namedtuple", "dill._dill._create_filehandle", "pandas.io"),
        *("dill._dill._get_attr", "dill._dill._setitems", "numpy.lib._datasource.DataSource"),
        # Their instances open, write or unpickle files when their state is set, or they are
        # deleted.
        *("scipy.io", "joblib.pool", "polars.selectors", "polars.functions", "polars._plr"),
        *("xgboost.tracker", "xgboost.dask", "xgboost.spark", "lightgbm.dask"),
        *("nltk.downloader", "spacy.load", "spacy.cli", "gensim.utils.unpickle"),
    )
)
# Attributes that lead from one object to any other: numpy.os.system, Cls.__init__.__globals__.
_DANGEROUS_PARTS: Final = frozenset(
    (
        *("os", "_os", "sys", "_sys", "subprocess", "posix", "builtins", "__builtins__"),
        *("importlib", "shutil", "socket", "ctypes", "__globals__", "func_globals", "f_globals"),
        *("__subclasses__", "__getattribute__", "__import__", "__code__", "__loader__"),
    )
)
# Classes that open files, start processes or threads, connect, or run code, whatever module they
# are imported from: mylib.helpers.Popen.
_DANGEROUS_CLASSES: Final = frozenset(
    (
        *("Popen", "CDLL", "PyDLL", "WinDLL", "OleDLL", "LibraryLoader", "FileIO", "TextIOWrapper"),
        *("BufferedReader", "BufferedWriter", "BufferedRandom", "FileHandler"),
        *("WatchedFileHandler",),
        *("RotatingFileHandler", "TimedRotatingFileHandler", "SocketHandler", "HTTPHandler"),
        *("SMTPHandler", "SysLogHandler", "Process", "Pool", "ThreadPool", "Thread", "Timer"),
        *("ThreadPoolExecutor", "ProcessPoolExecutor", "TemporaryDirectory", "NamedTemporaryFile"),
        *("SpooledTemporaryFile", "TemporaryFile", "_TemporaryFileCloser", "Unpickler", "Pickler"),
        *("_Unpickler", "_Pickler", "NumpyUnpickler", "ZipNumpyUnpickler", "InteractiveConsole"),
        *("InteractiveInterpreter", "Bdb", "Pdb", "HTTPConnection", "HTTPSConnection", "FTP"),
        *("FTP_TLS", "SMTP", "SMTP_SSL", "IMAP4", "POP3", "Telnet", "TCPServer", "UDPServer"),
        *("HTTPServer", "SimpleXMLRPCServer", "ServerProxy", "ZipFile", "PyZipFile", "TarFile"),
        *("GzipFile", "BZ2File", "LZMAFile", "CodeType", "FunctionType", "LambdaType"),
        *("ModuleType", "MethodType", "SourceFileLoader", "SourcelessFileLoader", "FileFinder"),
        *("ExtensionFileLoader", "BuiltinImporter", "FrozenImporter", "PathFinder", "zipimporter"),
        *("Shelf", "DbfilenameShelf", "DataSource", "Repository", "ExcelWriter", "HDFStore"),
        *("MemorizedFunc", "MemorizedResult", "EvalFactor", "EvalEnvironment", "LazyFrame"),
        *("FileInput", "StringTransformer", "Trace", "Profile", "Executive", "FileCookieJar"),
        *("MozillaCookieJar", "LWPCookieJar", "Request", "OpenerDirector", "URLopener", "Session"),
        *("FancyURLopener", "CompletedProcess", "Coverage", "Shell", "Console"),
    )
)
# Harmless uses of these modules; a dataclass needs the second for its repr.
_HARMLESS: Final = ("urllib.parse.", "_thread.get_ident", "_thread.__name__", "thread.get_ident")
# Methods of pathlib.Path that read or change files, as in pathlib.Path.write_text.
_PATHS: Final = re.compile(r"pathlib\.(_local\.)?\w*Path\.\w+")


def leads_to_code(name: str) -> bool:
    """Return whether ``module.qualname`` is on the lists."""
    # Many modules of Python exist twice: operator.attrgetter is _operator.attrgetter too.
    return _is_listed(name) or (name.startswith("_") and _is_listed(name[1:]))


def _is_listed(name: str) -> bool:
    parts = name.split(".")
    if parts[0] in DANGEROUS_MODULES and not name.startswith(_HARMLESS):
        return True
    if parts[0] in _BUILTINS and not _DANGEROUS_BUILTINS.isdisjoint(parts[1:2]):
        return True
    if not _DANGEROUS_PARTS.isdisjoint(parts[1:]) or _PATHS.fullmatch(name):
        return True
    if parts[-1] in _DANGEROUS_CLASSES or (len(parts) > 1 and parts[-1] == "__main__"):
        return True
    beginnings = (".".join(parts[:size]) for size in range(1, len(parts) + 1))
    return not _DANGEROUS_NAMES.isdisjoint(beginnings)
