"""Classes that are harmless to make an instance of."""

import enum
import importlib
import inspect
import pkgutil
import re
import sys

from corpus.pickling.left_out import NEVER, rejected
from corpus.pickling.noting import CALL, LIBRARIES, MAKE, note, quietly, take

# Run while a file is unpickled, besides what NEWOBJ itself does.
HOOKS = [
    "__setstate__",
    "__del__",
    "__setitem__",
    "__setattr__",
    "__new__",
    "append",
    "extend",
    "add",
    "__init_subclass__",
]
SIMPLE = {
    object,
    dict,
    list,
    tuple,
    set,
    frozenset,
    int,
    float,
    str,
    bytes,
    complex,
    BaseException,
    Exception,
}


def harmless(kind):
    """Whether an instance can be made, and given a state, with no code of the library's."""
    for base in kind.__mro__:
        if base.__module__ == "builtins":
            continue
        if any(
            hook in vars(base)
            and not (
                hook == "__new__"
                and not inspect.isfunction(vars(base)[hook])
                and not isinstance(vars(base)[hook], staticmethod)
            )
            for hook in HOOKS
        ):
            if base.__module__.split(".")[0] == "sklearn" and base.__name__ in (
                "BaseEstimator",
                "Bunch",
            ):
                continue
            return False
    return True


def classes():
    """Classes that a library defines in their own modules, and which are harmless to make."""
    for library in LIBRARIES:
        home = quietly(importlib.import_module, library)
        if home is None or not hasattr(home, "__path__"):
            continue
        for found in pkgutil.walk_packages(home.__path__, library + ".", onerror=lambda name: None):
            if not rejected(found.name):
                try:
                    importlib.import_module(found.name)
                except BaseException:  # noqa: BLE001 - it needs something that is not here
                    pass
    for module, home in sorted(sys.modules.items()):
        if module.split(".")[0] not in LIBRARIES or rejected(module) or not inspect.ismodule(home):
            continue
        for name, kind in sorted(vars(home).items()):
            if (
                isinstance(kind, type)
                and kind.__module__ == module
                and kind.__qualname__ == name
                and not issubclass(kind, (type, enum.Enum))
                and not NEVER.fullmatch(name)
                and not re.search(
                    "File|Store$|Excel|Writer|DataSource|Memorized|Dataset$|DMatrix", name
                )
            ):
                text = f"{module}.{name}"
                if takes_plain_values(kind):
                    note(text, CALL)
                elif harmless(kind):
                    note(text, MAKE)
    return iter(())


def takes_plain_values(kind):
    """Whether it is called by honest pickles, with no code of the library's: tuples, errors."""
    if issubclass(kind, tuple):
        return hasattr(kind, "_fields") and kind.__bases__ == (tuple,)
    return issubclass(kind, Exception) and all(
        "__init__" not in vars(base)
        and "__new__" not in vars(base)
        and "__setstate__" not in vars(base)
        for base in kind.__mro__
        if base.__module__ != "builtins"
    )


def enums():
    """Members of enumerations are pickled as a call of their class with a value."""
    for module, home in sorted(sys.modules.items()):
        if module.split(".")[0] in LIBRARIES and not rejected(module) and inspect.ismodule(home):
            for name, kind in sorted(vars(home).items()):
                if (
                    isinstance(kind, enum.EnumMeta)
                    and kind.__module__ == module
                    and kind.__qualname__ == name
                ):
                    for member in list(kind)[:1]:
                        take(member, "enum", joblib=False)
    return iter(())


QUIET = [
    "argparse",
    "ast",
    "calendar",
    "collections",
    "collections.abc",
    "configparser",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "fractions",
    "graphlib",
    "html.parser",
    "ipaddress",
    "json",
    "json.decoder",
    "json.encoder",
    "numbers",
    "random",
    "reprlib",
    "statistics",
    "string",
    "textwrap",
    "typing",
    "uuid",
    "zoneinfo",
    "logging",
]


def classes_of_python():
    """Harmless classes of the standard library's quiet modules."""
    for module in QUIET:
        home = quietly(importlib.import_module, module)
        for name, kind in sorted(vars(home).items()) if home else ():
            if (
                isinstance(kind, type)
                and kind.__module__ == module
                and kind.__qualname__ == name
                and not issubclass(kind, type)
                and not re.search(
                    "File|Handler|Stream|redirect|ExitStack|chdir|Formatter|Random|^_", name
                )
            ):
                if harmless(kind):
                    note(f"{module}.{name}", MAKE)
    return iter(())
