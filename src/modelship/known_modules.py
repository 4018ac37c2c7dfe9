"""List the standard-library modules of each Python version."""

from __future__ import annotations

import sys
from typing import Final

__all__ = [
    "GENERIC_NAMES",
    "OF_PYTHON_2",
    "OTHER_SYSTEMS",
    "every_module_of_python",
    "removed_in",
    "since_of",
    "standard_library",
]

# "What's New In Python" of each release: removed and added modules.
_REMOVED: Final = {
    (3, 12): ("asynchat", "asyncore", "distutils", "imp", "smtpd"),
    (3, 13): (
        *("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap"),
        *("msilib", "nis", "nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau"),
        *("telnetlib", "uu", "xdrlib"),
    ),
}
_ADDED: Final = {(3, 11): ("tomllib",), (3, 14): ("annotationlib", "compression")}

OF_PYTHON_2: Final = {
    "__builtin__": "builtins",
    "ConfigParser": "configparser",
    "Queue": "queue",
    "StringIO": "io",
    "cPickle": "pickle",
    "cStringIO": "io",
    "commands": "subprocess",
    "copy_reg": "copyreg",
    "exceptions": "builtins",
    "urllib2": "urllib.request",
    "urlparse": "urllib.parse",
}
"""Modules that existed only in Python 2, and their replacements in Python 3."""

OTHER_SYSTEMS: Final = frozenset({"_winapi", "msvcrt", "nt", "winreg", "winsound"})
"""Modules that Python has only on Windows."""

GENERIC_NAMES: Final = frozenset(
    (
        *("app", "apps", "api", "bin", "code", "common", "conf", "config", "constants", "core"),
        *("custom", "data", "docs", "example", "examples", "features", "helper", "helpers", "lib"),
        *("libs", "main", "model", "models", "modules", "notebooks", "package", "pipeline"),
        *("preprocess", "preprocessing", "project", "scripts", "service", "settings", "source"),
        *("src", "test", "testing", "tests", "tools", "train", "training", "util", "utilities"),
        "utils",
    )
)
"""Common names of users' own folders.

An index has unrelated packages with these names: they are never meant.
"""


def every_module_of_python() -> frozenset[str]:
    """Return the top-level modules that the standard library of any Python 3 has or had."""
    removed = {name for modules in _REMOVED.values() for name in modules}
    return frozenset(sys.stdlib_module_names) | removed


def standard_library(python: tuple[int, int]) -> frozenset[str]:
    """Return the top-level modules of the standard library of a minor version of Python.

    ``__main__``, the main program, is among them: it can always be imported.
    """
    names = {"__main__", *sys.stdlib_module_names}
    for version, modules in _REMOVED.items():
        names = names - {*modules} if python >= version else names | {*modules}
    for version, modules in _ADDED.items():
        names = names | {*modules} if python >= version else names - {*modules}
    return frozenset(names)


def since_of(module: str) -> tuple[int, int] | None:
    """Return the first Python whose standard library has a top-level module, if known."""
    return next((since for since, names in _ADDED.items() if module in names), None)


def removed_in(module: str) -> tuple[int, int] | None:
    """Return the first Python whose standard library lacks a former module, or None."""
    return next((since for since, names in _REMOVED.items() if module in names), None)
