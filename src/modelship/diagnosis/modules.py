"""Exceptions that say that a module is not there, or not as it was."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from modelship.diagnosis.packages import LIBRARIES, is_namespace, package_of

if TYPE_CHECKING:
    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = ["explain_import_error", "explain_missing_module"]

_MISSING = re.compile(r"No module named '?(?P<name>[\w.]+)'?(?P<hidden>.*is not a package)?")
_MISSING_NAME = re.compile(
    r"cannot import name '(?P<name>\w+)' from (?P<how>[^']*)'(?P<module>[\w.]+)'"
)
_SERVER = "azureml_inference_server_http"
_IMPORTED = re.compile(r"^\s*(?:from|import)\s+(?P<name>[\w.]+)")


def explain_missing_module(raised: Raised) -> Diagnosis | None:
    """Explain ``No module named 'x'``: of the script, of the model, or of the server."""
    match = _MISSING.search(raised.message)
    if match is None or raised.kind not in {"ModuleNotFoundError", "ImportError"}:
        return None
    name = match["name"]
    if match["hidden"]:
        return _hidden(raised, name.partition(".")[0])
    if name.startswith("sklearn.externals"):
        return _removed(raised, name)
    if name.startswith(_SERVER):
        return raised.diagnosis("MS202", "Azure ML's inference server is not installed there.")
    top, _, rest = name.partition(".")
    if rest and top in LIBRARIES and not is_namespace(name):
        return _moved(raised, name)
    return (_needed_by_model if raised.is_loading else _needed_by_script)(raised, name)


def _hidden(raised: Raised, name: str) -> Diagnosis:
    return raised.diagnosis(
        "MS116",
        f"A file {name}.py beside the script hides the package {name}.",
        f"Give {name}.py another name.",
    )


def _removed(raised: Raised, name: str) -> Diagnosis:
    if raised.is_loading:
        return raised.diagnosis(
            "MS201",
            f"The model was written by a scikit-learn before 0.23, which had {name}.",
            "Pin that version (scikit-learn==0.22.2), or train and save the model again.",
        )
    tail = name.removeprefix("sklearn.externals").lstrip(".") or "joblib"
    return raised.diagnosis(
        "MS105",
        f"The script imports {name}, which scikit-learn removed in 0.23.",
        f"Write import {tail}, and list {tail} in the environment.",
    )


def _moved(raised: Raised, name: str) -> Diagnosis:
    """Explain a missing part of what is there: Python names the first one that is missing."""
    package = package_of(name.partition(".")[0])
    if raised.is_loading or not raised.is_import:
        who, remedy = "The model was written by", raised.pin_of_model(package)
    else:
        who = "The script was written for"
        remedy = f"Pin in the environment a version of {package} that has it: {package}==..."
    return raised.diagnosis(
        "MS201",
        f"{who} another version of {package}: the one that is installed has no module {name}.",
        remedy,
    )


def _needed_by_model(raised: Raised, name: str) -> Diagnosis:
    top = name.partition(".")[0]
    if top in LIBRARIES:
        package = package_of(name)
        return raised.diagnosis(
            "MS208",
            f"The model needs {package}, which the environment does not provide.",
            f"List {package} in the environment, in the version that wrote the model.",
        )
    return raised.diagnosis(
        "MS304",
        f"The model was saved with classes of a module {name}, which the service does not have.",
        f"Put {name.replace('.', '/')}.py beside the script (source_directory=), under the same "
        "name.",
    )


def _needed_by_script(raised: Raised, name: str) -> Diagnosis:
    full = _imported(raised, name)
    package = package_of(full)
    if full.startswith("azureml.core"):
        remedy = (
            "Take the path from os.environ['AZUREML_MODEL_DIR'] instead of Model.get_model_path(), "
            f"or list {package} in the environment."
        )
    elif name.partition(".")[0] in LIBRARIES or is_namespace(name):
        remedy = f"List {package} in the environment."
    else:
        remedy = (
            f"List {package} in the environment; or, if {name} is a file of yours, put it beside "
            "the script (source_directory=)."
        )
    cause = f"The script imports {full}, which the environment does not provide."
    return raised.diagnosis("MS104", cause, remedy)


def _imported(raised: Raised, name: str) -> str:
    """Return the full name that the script imports, where a missing namespace hides the rest."""
    for line in reversed(raised.evidence):
        match = _IMPORTED.match(line)
        if match and match["name"].startswith(f"{name}."):
            return match["name"]
    return name


def explain_import_error(raised: Raised) -> Diagnosis | None:
    """Explain ``cannot import name 'x' from 'library'``."""
    match = _MISSING_NAME.search(raised.message)
    if raised.kind != "ImportError" or match is None:
        return None
    module, name = match["module"], match["name"]
    top = module.partition(".")[0]
    if module.startswith("sklearn.externals"):
        return _removed(raised, f"{module}.{name}")
    if "partially initialized" in match["how"]:
        return raised.diagnosis(
            "MS501",
            f"{module} is imported while it is being imported, so it has no {name} yet.",
            f"Give a file of yours another name if it is called {top}.py; else move the import "
            "into the function that needs it.",
        )
    if "/var/azureml-app/" in raised.message or "/app/" in raised.message:
        return None
    if top in sys.stdlib_module_names:
        return raised.diagnosis(
            "MS116",
            f"{module} is a module of Python itself, and has no {name}.",
            f"If {top} is a file or folder of yours, give it another name: Python's own is found "
            "first. Else correct the line.",
        )
    package = package_of(module)
    return raised.diagnosis(
        "MS201",
        f"The {package} that is installed has no {name} in {module}: it is another version than "
        "the code that imports it was written for.",
        f"Pin in the environment a version of {package} that has it: {package}==...",
    )
