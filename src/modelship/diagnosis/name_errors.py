"""Explain exceptions about names and attributes, and about source that Python cannot parse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from modelship.diagnosis.version_errors import written_by_another
from modelship.known_packages import LIBRARIES, known_package, package_of
from modelship.known_wheels import has_wheel

if TYPE_CHECKING:
    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = ["explain_attribute", "explain_missing_global", "explain_syntax"]

_NAME = re.compile(r"name '(?P<name>\w+)' is not defined")
_NONE = re.compile(r"'NoneType' object (?:has no attribute '(?P<name>\w+)'|is not \w+)")
_OF_MODELS: Final = frozenset(
    (
        *("predict", "predict_proba", "decision_function", "transform", "inverse_transform"),
        *("score_samples", "predict_log_proba", "run", "get_inputs", "classes_", ""),
    )
)
_IMPORTS: Final = {
    "json": "import json",
    "os": "import os",
    "joblib": "import joblib",
    "np": "import numpy as np",
    "numpy": "import numpy",
    "pd": "import pandas as pd",
    "pandas": "import pandas",
    "pickle": "import pickle",
    "Path": "from pathlib import Path",
}
_FRAME: Final = re.compile(r' *File "(?P<file>[^"]+)", line \d+, in (?P<function>\S+)')
_WITH_DILL: Final = (
    "Save the model with dill.dump(model, file, recurse=True), which includes what its "
    "functions use."
)
_IN_A_MODULE: Final = (
    "Import it within the function, or move the function to a module next to the script; then save "
    "the model again."
)
_AS_SOURCE = re.compile(r"\b(?:eval|literal_eval|exec|compile)\(|File \"<(?:string|unknown)>\"")


def explain_missing_global(raised: Raised) -> Diagnosis | None:
    """Explain a name that init() should have set for run()."""
    if raised.phase != "run":
        return None
    if raised.kind == "NameError" and (match := _NAME.search(raised.message)):
        return _missing_in_model(raised, match["name"]) or _undefined(raised, match["name"])
    match = _NONE.search(raised.message)
    if match and not raised.library:
        return _is_none(raised, match["name"] or "")
    return None


def _undefined(raised: Raised, name: str) -> Diagnosis:
    around = raised.around
    file = raised.where.partition(":")[0]
    if name in _IMPORTS and name not in around.bound_in_init:
        return raised.diagnosis(
            "MS503",
            f"run() uses {name}, which is not imported.",
            f"Write {_IMPORTS[name]} at the top of {file or 'the script'}.",
        )
    if around.globals_of_init is None:
        return raised.diagnosis(
            "MS115",
            f"run() uses {name}, which is not a global: it is local to init(), init() did not "
            "reach the assignment, or nothing defines it.",
            f"If init() assigns {name}, write global {name} in its first line; if that is already "
            "there, check which exceptions init() catches before.",
        )
    if file and file != around.entry_script:
        return raised.diagnosis(
            "MS503",
            f"{file} uses {name}, which it does not define; a global of {around.entry_script} is "
            "not visible there.",
            f"Pass {name} to it as an argument, or import it in {file}.",
        )
    if name in around.globals_of_init:
        return _not_reached(raised, name, f"run() uses {name}, which init() has not assigned")
    if name in around.bound_in_init:
        return _kept(raised, name, f"run() uses {name}, which is not a global")
    return raised.diagnosis(
        "MS503",
        f"run() uses {name}, which is not defined.",
        f"Define {name}, or correct its spelling.",
    )


def _missing_in_model(raised: Raised, name: str) -> Diagnosis | None:
    """Explain a name used by a pickled function, which the program that saved it defined."""
    function = _carried_along(raised)
    if not function:
        return None
    return raised.diagnosis(
        "MS503",
        f"{function}, which is saved in the model's file, uses {name}, which the service does not "
        "define.",
        _WITH_DILL if "dill" in raised.around.packages_of_model else _IN_A_MODULE,
    )


def _carried_along(raised: Raised) -> str:
    """Return the function that raised if neither the source nor a library has it, or ``""``."""
    frames = [match for line in raised.evidence if (match := _FRAME.match(line))]
    if raised.around.source is None or not frames:
        return ""
    file, function = frames[-1]["file"], frames[-1]["function"]
    is_known = file in raised.around.source or "site-packages" in file or file.startswith("<")
    return "" if is_known else function


def _is_none(raised: Raised, attribute: str) -> Diagnosis | None:
    around = raised.around
    if around.globals_of_init is None:
        if attribute not in _OF_MODELS:
            return None
        return raised.diagnosis(
            "MS115",
            f"run() finds None where init() should have assigned a value: {raised.brief}.",
            "In init(), declare as global what it assigns for run(); if that is already there, "
            "check which exceptions init() catches before.",
        )
    name = _owner(raised, attribute)
    cause = f"run() finds None in {name}: {raised.brief}"
    if name in around.globals_of_init:
        return _not_reached(raised, name, cause)
    return _kept(raised, name, cause) if name in around.bound_in_init else None


def _owner(raised: Raised, attribute: str) -> str:
    """Return the name whose attribute the last source line accesses, or ``""``."""
    pattern = re.compile(rf"(?<![\w.])(?P<name>\w+)\.{attribute}\b" if attribute else r"(?!)")
    found = (pattern.search(line) for line in reversed(raised.evidence[:-1] or raised.evidence))
    match = next(filter(None, found), None)
    return match["name"] if match else ""


def _not_reached(raised: Raised, name: str, cause: str) -> Diagnosis:
    """Explain a name that init() declares with global, but fails to assign."""
    return raised.diagnosis(
        "MS115",
        f"{cause}: init() declares it global, but does not reach the assignment.",
        f"Find out why init() does not assign {name}: do not catch exceptions before that.",
    )


def _kept(raised: Raised, name: str, cause: str) -> Diagnosis:
    return raised.diagnosis(
        "MS115",
        f"{cause}: it is local to init().",
        f"Write global {name} in the first line of init().",
    )


def explain_syntax(raised: Raised) -> Diagnosis | None:
    """Explain source that Python cannot parse: of the script, or of a library."""
    if raised.kind not in {"SyntaxError", "IndentationError", "TabError"}:
        return None
    if any(_AS_SOURCE.search(line) for line in raised.evidence):
        return None  # text that the script parses as Python
    if raised.library and raised.library not in raised.around.roots:
        package = package_of(raised.library)
        name = package if raised.library in LIBRARIES else raised.library
        return raised.diagnosis(
            "MS201",
            f"{raised.around.python_name} cannot read the installed {name}: {raised.message}.",
            f"Pin another version of {name}, or request another Python in the environment.",
        )
    if any(words in raised.message for words in ("unicode error", "Non-UTF-8", "null bytes")):
        return raised.diagnosis("MS112", f"Python cannot read the script: {raised.brief}.")
    source = next((line for line in reversed(raised.evidence[:-1]) if line.startswith("  ")), "")
    shown = f" in {source.strip()!r}" if source else ""
    return raised.diagnosis("MS101", f"Python cannot read the script: {raised.message}{shown}.")


_NO_ATTRIBUTE = re.compile(r"module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'")
_REMOVED = re.compile(r"`np\.(?P<name>\w+)` was removed in the NumPy 2")
_GONE_IN_NUMPY_1_24 = frozenset({"bool", "complex", "float", "int", "long", "object", "str"})
_PARTIAL = re.compile(r"partially initialized module '(?P<module>[\w.]+)' has no attribute")
# Values that are passed to libraries, and are not their models.
_DATA = frozenset(
    (
        *("NoneType", "str", "dict", "list", "tuple", "set", "int", "float", "bool", "bytes"),
        *("function", "ndarray", "DataFrame", "Series", "Index", "csr_matrix", "generator"),
    )
)
_GONE_IN_PANDAS_2 = {
    "append": "pandas.concat([frame, other])",
    "iteritems": "frame.items()",
    "mad": "(frame - frame.mean()).abs().mean()",
}
_OBJECT = re.compile(r"'(?P<cls>\w+)' object has no attribute '(?P<name>\w+)'")


def explain_attribute(raised: Raised) -> Diagnosis | None:
    """Explain an attribute that a library has removed, or that an older model never had."""
    if raised.kind != "AttributeError":
        return None
    if match := _PARTIAL.search(raised.message):
        return _hidden(raised, match["module"].partition(".")[0])
    if match := _REMOVED.search(raised.message):
        return _lost(raised, "numpy", match["name"])
    if match := _NO_ATTRIBUTE.search(raised.message):
        return _of_module(raised, match["module"], match["name"])
    match = _OBJECT.search(raised.message)
    return _of_object(raised, match["cls"], match["name"]) if match else None


def _of_object(raised: Raised, cls: str, name: str) -> Diagnosis | None:
    if cls in {"DataFrame", "Series"} and name in _GONE_IN_PANDAS_2:
        return raised.diagnosis(
            "MS201",
            f"pandas 2 has no {cls}.{name}, which the script was written for.",
            f"Write {_GONE_IN_PANDAS_2[name]} instead.",
        )
    # Raised by a library about its own object: another version wrote the model.
    if raised.library in LIBRARIES and cls not in _DATA and not _is_same(raised):
        return written_by_another(raised, f"its {cls} has no {name}")
    return None


def _is_same(raised: Raised) -> bool:
    """Return whether the library that raised has the exact version that wrote the model."""
    package = package_of(raised.library)
    wrote = raised.around.wrote.get(package)
    return wrote is not None and wrote == (raised.around.locked or {}).get(package)


def _of_module(raised: Raised, module: str, name: str) -> Diagnosis | None:
    top = module.partition(".")[0]
    if top not in LIBRARIES:
        return None
    if raised.around.in_root(top):
        return _hidden(raised, top)
    return _lost(raised, module, name)


def _hidden(raised: Raised, top: str) -> Diagnosis:
    file = raised.around.in_root(top)
    if known_package(top) and (file or raised.around.source is None):
        return raised.diagnosis(
            "MS116",
            f"A file {file or f'{top}.py'} next to the script hides the package {top}.",
            f"Rename {file or f'{top}.py'}.",
        )
    return raised.diagnosis(
        "MS501",
        f"{top} is used before its import has finished: {raised.brief}.",
        "Move the import into the function that needs it.",
    )


def _lost(raised: Raised, module: str, name: str) -> Diagnosis:
    package = package_of(module)
    told = f"The installed {package} has no {module}.{name}"
    if package != "numpy":
        return raised.diagnosis(
            "MS201",
            f"{told}: the code was written for another version, or {name} has to be "
            "imported explicitly.",
            f"Write import {module}.{name} if that is a module, correct the line, or pin the "
            f"version of {package} that the script was written for.",
        )
    bound, last = ("1.24", "1.23.5") if name in _GONE_IN_NUMPY_1_24 else ("2", "1.26.4")
    python = raised.around.python
    pin = f"pin numpy<{bound} in the environment"
    can = python is None or has_wheel("numpy", last, python=python)
    if raised.library and raised.library != "numpy":
        user = package_of(raised.library)
        advice = f"Use a newer version of {user}, which uses it{f', or {pin}' if can else ''}."
    elif can:
        advice = f"Correct the line, or {pin}."
    else:
        advice = f"Correct the line: {raised.around.python_name} has no numpy that has np.{name}."
    return raised.diagnosis("MS201", f"{told}: numpy removed it in {bound}.", advice)
