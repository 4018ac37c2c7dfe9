"""Look at every name that the installed numeric libraries lead to; tell what is known by mistake.

``test_known_names.py`` looks at some of the modules that the libraries import by themselves. As a
program this imports every module of them, and looks at each.
"""

import importlib
import inspect
import json
import pkgutil
import sys
import types
import warnings

import numpy as np

from modelship.sources._globals import Judgement, Use, judge

LIBRARIES = ("numpy", "scipy", "sklearn", "pandas", "joblib")
OMITTED = {"tests", "test", "conftest", "setup", "__main__", "f2py", "distutils", "testing"}


def modules(*, all_of_them):
    """Import and return the modules of the libraries, without those for tests."""
    for library in LIBRARIES:
        home = importlib.import_module(library)
        paths = home.__path__ if all_of_them else ()
        for found in pkgutil.walk_packages(paths, library + ".", lambda _: None):
            if OMITTED.isdisjoint(found.name.split(".")):
                try:
                    importlib.import_module(found.name)
                except BaseException:  # noqa: BLE001 - it needs what is not installed
                    continue
    return {
        name: module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in LIBRARIES and inspect.ismodule(module)
    }


def canonical(thing):
    """Return the name under which the library defines something, or ``""``."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    return f"{module}.{name}" if module and name else ""


def wrong_uses(name, thing):
    """Return the uses in which a name counts as known, though what it leads to does not."""
    home = canonical(thing)
    if name == home or isinstance(thing, np.ufunc) or home.partition(".")[0] in LIBRARIES:
        return []
    return [
        f"{name} is {home}: {use.name}"
        for use in (Use.HOLD, Use.MAKE, Use.CALL)
        if judge(name, use) is Judgement.KNOWN and judge(home, use) is Judgement.DANGEROUS
    ]


def look(*, all_of_them, every=1):
    """Return how many names of one in so many modules were looked at, and those judged wrongly."""
    looked_at, wrong = 0, []
    for module, home in [*modules(all_of_them=all_of_them).items()][::every]:
        for attribute, thing in list(vars(home).items()):
            name = f"{module}.{attribute}"
            if not isinstance(thing, types.ModuleType):
                looked_at += 1
                wrong += wrong_uses(name, thing) if callable(thing) else []
            elif thing.__name__.partition(".")[0] in sys.stdlib_module_names:
                functions = [each for each, function in vars(thing).items() if callable(function)]
                looked_at += len(functions)
                reached = [f"{name}.{each}" for each in functions]
                wrong += [each for each in reached if judge(each, Use.HOLD) is Judgement.KNOWN]
                wrong += [
                    each for each in reached if judge(each, Use.CALL) is not Judgement.DANGEROUS
                ]
    return looked_at, wrong


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout.write(f"\n{json.dumps(look(all_of_them=True))}\n")
