"""Exceptions about names of the script, and about source that Python cannot read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from modelship.known_packages import LIBRARIES, package_of

if TYPE_CHECKING:
    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = ["explain_missing_global", "explain_syntax"]

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
    "Save the model with dill.dump(model, file, recurse=True), which takes along what its "
    "functions use."
)
_IN_A_MODULE: Final = (
    "Import it within the function, or move the function to a module beside the script; then save "
    "the model again."
)
_AS_SOURCE = re.compile(r"\b(?:eval|literal_eval|exec|compile)\(|File \"<(?:string|unknown)>\"")


def explain_missing_global(raised: Raised) -> Diagnosis | None:
    """Explain a name that init() was to leave for run()."""
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
            f"run() uses {name}, which nothing imports.",
            f"Write {_IMPORTS[name]} at the top of {file or 'the script'}.",
        )
    if around.globals_of_init is None:
        return raised.diagnosis(
            "MS115",
            f"run() uses {name}, which is no global: init() has kept it for itself, has not come "
            "to it, or nothing defines it.",
            f"If init() assigns {name}, write global {name} in its first line; if that is there, "
            "see what init() catches before.",
        )
    if file and file != around.entry_script:
        return raised.diagnosis(
            "MS503",
            f"{file} uses {name}, which it does not define; a global of {around.entry_script} is "
            "none there.",
            f"Pass {name} to it as an argument, or import it in {file}.",
        )
    if name in around.globals_of_init:
        return _not_reached(raised, name, f"run() uses {name}, which init() has not assigned")
    if name in around.bound_in_init:
        return _kept(raised, name, f"run() uses {name}, which is no global")
    return raised.diagnosis(
        "MS503",
        f"run() uses {name}, which nothing defines.",
        f"Define {name}, or correct its spelling.",
    )


def _missing_in_model(raised: Raised, name: str) -> Diagnosis | None:
    """Explain a name that a function of the program that saved the model has left behind."""
    function = _carried_along(raised)
    if not function:
        return None
    return raised.diagnosis(
        "MS503",
        f"{function}, which the model's file carries along, uses {name}, which is not there.",
        _WITH_DILL if "dill" in raised.around.packages_of_model else _IN_A_MODULE,
    )


def _carried_along(raised: Raised) -> str:
    """Return the function that raised if it is neither the source's nor a library's, or ``""``."""
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
            f"run() finds None where init() was to leave a value: {raised.brief}.",
            "Name in init(), after global, what it leaves for run(); if that is there, see what "
            "init() catches before.",
        )
    name = _owner(raised, attribute)
    cause = f"run() finds None in {name}: {raised.brief}"
    if name in around.globals_of_init:
        return _not_reached(raised, name, cause)
    return _kept(raised, name, cause) if name in around.bound_in_init else None


def _owner(raised: Raised, attribute: str) -> str:
    """Return the name whose attribute the last line of source takes, or ``""``."""
    pattern = re.compile(rf"(?<![\w.])(?P<name>\w+)\.{attribute}\b" if attribute else r"(?!)")
    found = (pattern.search(line) for line in reversed(raised.evidence[:-1] or raised.evidence))
    match = next(filter(None, found), None)
    return match["name"] if match else ""


def _not_reached(raised: Raised, name: str, cause: str) -> Diagnosis:
    """Explain a name that init() declares with global, and does not come to assign."""
    return raised.diagnosis(
        "MS115",
        f"{cause}: init() declares it global, and something keeps it from the assignment.",
        f"See why init() does not assign {name}: let it raise what it catches before.",
    )


def _kept(raised: Raised, name: str, cause: str) -> Diagnosis:
    return raised.diagnosis(
        "MS115",
        f"{cause}: init() keeps it for itself.",
        f"Write global {name} in the first line of init().",
    )


def explain_syntax(raised: Raised) -> Diagnosis | None:
    """Explain source that Python cannot read: of the script, or of a library."""
    if raised.kind not in {"SyntaxError", "IndentationError", "TabError"}:
        return None
    if any(_AS_SOURCE.search(line) for line in raised.evidence):
        return None  # text that the script reads as Python
    if raised.library and raised.library not in raised.around.roots:
        package = package_of(raised.library)
        name = package if raised.library in LIBRARIES else raised.library
        return raised.diagnosis(
            "MS201",
            f"{raised.around.python_name} cannot read the {name} that is installed: "
            f"{raised.message}.",
            f"Pin another version of {name}, or ask for another Python in the environment.",
        )
    if any(words in raised.message for words in ("unicode error", "Non-UTF-8", "null bytes")):
        return raised.diagnosis("MS112", f"Python cannot read the script: {raised.brief}.")
    source = next((line for line in reversed(raised.evidence[:-1]) if line.startswith("  ")), "")
    shown = f" in {source.strip()!r}" if source else ""
    return raised.diagnosis("MS101", f"Python cannot read the script: {raised.message}{shown}.")
