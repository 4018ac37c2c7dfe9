"""Explain exceptions about modules that are missing, or have changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelship.diagnosis.remedies import needs_other_python, remedy_for_missing, to_list
from modelship.known_modules import OF_PYTHON_2
from modelship.known_packages import LIBRARIES, is_namespace, known_package, package_of

if TYPE_CHECKING:
    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = ["explain_import_error", "explain_missing_module", "explain_relative_import"]

_MISSING = re.compile(r"No module named '?(?P<name>[\w.]+)'?(?P<hidden>.*is not a package)?")
_MISSING_NAME = re.compile(
    r"cannot import name '(?P<name>\w+)' from (?P<how>[^']*)'(?P<module>[\w.]+)' ?"
    r"(?:\((?P<path>.*)\))?"
)
_SERVER = "azureml_inference_server_http"
_NO_SERVER = "Azure ML's inference server is not installed where the service runs."
_OR_PIN = (
    "Correct the name, or pin in the environment the version of {package} that the script was "
    "written for."
)
_IMPORTED = re.compile(r"^\s*(?:from|import)\s+(?P<name>[\w.]+)")
_RELATIVE = ("attempted relative import", "no known parent package")
_FROM_DOT = re.compile(r"^\s*from\s+\.+(?P<module>[\w.]*)\s+import\s+(?P<names>[\w, ]+)")
_INSTALLED = re.compile(r"/(?:site|dist)-packages/")
_LAST_WITH_EXTERNALS = "0.22.2"
_OF_AZURE_AI_ML = "azure.ai.ml"


def explain_missing_module(raised: Raised) -> Diagnosis | None:
    """Explain ``No module named 'x'``: of the script, of the model, or of the server."""
    match = _MISSING.search(raised.message)
    if match is None or raised.kind not in {"ModuleNotFoundError", "ImportError"}:
        return None
    name = match["name"]
    if name.startswith("sklearn.externals"):
        return _removed(raised, name)
    if match["hidden"]:
        return _no_package(raised, name)
    if name.startswith(_SERVER):
        return raised.diagnosis("MS202", _NO_SERVER)
    top, _, rest = name.partition(".")
    if rest and top in LIBRARIES and not is_namespace(name):
        return _moved(raised, name)
    return (_needed_by_model if raised.is_loading else _needed_by_script)(raised, name)


def _no_package(raised: Raised, name: str) -> Diagnosis:
    """Explain a submodule of a single-file module: the advice depends on whose file it is."""
    top = name.partition(".")[0]
    around = raised.around
    if around.is_of_python(top) and not around.in_root(top):
        cause = f"{around.python_name} has no module {name}"
        if raised.is_loading:
            return raised.diagnosis(
                "MS206", f"The model was written by another version of Python: {cause}."
            )
        return raised.diagnosis("MS104", f"{cause}.", "Correct the name of the module.")
    beside = around.source is None or around.in_root(top)
    if beside and (around.source is None or known_package(top) or around.is_of_python(top)):
        return raised.diagnosis(
            "MS116",
            f"A file {top}.py next to the script hides the package {top}.",
            f"Rename {top}.py.",
        )
    if top in LIBRARIES:
        return _moved(raised, name)
    cause = f"The script imports {name}, but {top} is a module, not a package."
    return raised.diagnosis("MS104", cause, remedy_for_missing(name, around=around))


def _removed(raised: Raised, name: str) -> Diagnosis:
    if raised.is_loading:
        return raised.diagnosis(
            "MS201",
            f"The model was written by a scikit-learn before 0.23, which had {name}.",
            raised.pin_of_model("scikit-learn", otherwise=_LAST_WITH_EXTERNALS),
        )
    tail = name.removeprefix("sklearn.externals").lstrip(".") or "joblib"
    return raised.diagnosis(
        "MS105",
        f"The script imports {name}, which scikit-learn removed in 0.23.",
        f"Write import {tail}, and list {tail} in the environment.",
    )


def _moved(raised: Raised, name: str) -> Diagnosis:
    """Explain a missing submodule of an existing package: Python names the first missing one."""
    package = package_of(name.partition(".")[0])
    if raised.is_loading or not raised.is_import:
        who, advice = "The model was written by", raised.pin_of_model(package)
    else:
        who = "The script was written for"
        advice = _OR_PIN.format(package=package)
    return raised.diagnosis(
        "MS201",
        f"{who} another version of {package}: the installed version has no module {name}.",
        advice,
    )


def _needed_by_model(raised: Raised, name: str) -> Diagnosis:
    top = name.partition(".")[0]
    if top in OF_PYTHON_2:
        return _of_another_pickler(raised, top)
    if needs_other_python(top, raised.around):
        return raised.diagnosis(
            "MS206", f"The model needs the module {top}, which {raised.around.python_name} lacks."
        )
    if top in LIBRARIES:
        package = package_of(name)
        return raised.diagnosis(
            "MS208",
            f"The model needs {package}, which the environment does not provide.",
            f"List {package} in the environment, in the version that wrote the model.",
        )
    within = name.replace(".", "/")
    return raised.diagnosis(
        "MS304",
        f"The model was saved with classes of a module {name}, which the service does not have.",
        remedy_for_missing(name, around=raised.around)
        if raised.around.in_root(top) or raised.around.folder_of(top)
        else f"If it is your own file, put {within}.py next to the script under the same name and "
        f"pass the folder of both as source_directory; otherwise list the package that provides "
        f"{top}.",
    )


def _of_another_pickler(raised: Raised, top: str) -> Diagnosis:
    """Explain a Python 2 name in a model; dill writes such names too."""
    known = raised.around.packages_of_model
    if "dill" in known or any("dill" in line for line in raised.evidence):
        return raised.diagnosis(
            "MS502",
            "The model was saved by dill, and the script loads it with another library.",
            "Write dill.load(file) in init(), and list dill in the environment.",
        )
    cause = f"The model names {top}, a module of Python 2"
    if known:
        return raised.diagnosis(
            "MS206", f"{cause}: Python 2 wrote it.", "Train and save the model again in Python 3."
        )
    return raised.diagnosis(
        "MS206",
        f"{cause}: Python 2 wrote it, or dill.",
        "If dill saved it, load it with dill.load(file); else train and save it again in Python 3.",
    )


def _needed_by_script(raised: Raised, name: str) -> Diagnosis:
    full = _imported(raised, name)
    if full.startswith(_SERVER):
        return raised.diagnosis("MS202", _NO_SERVER)
    if full.startswith("azureml.core.model"):
        advice = (
            "Take the path from os.environ['AZUREML_MODEL_DIR'] instead of Model.get_model_path(), "
            f"or list {package_of(full)} in the environment."
        )
    elif is_namespace(name) and (package := known_package(full)):
        advice = to_list(package)
    else:
        advice = remedy_for_missing(full, around=raised.around)
    cause = f"The script imports {full}, which the environment does not provide."
    if raised.around.in_root(name.partition(".")[0]):
        cause = f"The script imports {full}, and the bundle has no such module at this place."
    return raised.diagnosis("MS104", cause, advice)


def _imported(raised: Raised, name: str) -> str:
    """Return the full name that the script imports, if a missing namespace hides the rest."""
    for line in reversed(raised.evidence):
        match = _IMPORTED.match(line)
        if match and match["name"].startswith(f"{name}."):
            return match["name"]
    return name


def explain_relative_import(raised: Raised) -> Diagnosis | None:
    """Explain ``from .x import y`` in a script, which the server loads as a top-level module."""
    if raised.kind != "ImportError" or not any(words in raised.message for words in _RELATIVE):
        return None
    match = next(filter(None, map(_FROM_DOT.match, reversed(raised.evidence))), None)
    names = match["names"].strip() if match else "..."
    write = f"from {match['module']} import {names}" if match and match["module"] else ""
    return raised.diagnosis(
        "MS104",
        "The script uses a relative import, but the server loads it as a top-level module.",
        f"Write the import without the dot: {write or f'import {names}'}.",
    )


def explain_import_error(raised: Raised) -> Diagnosis | None:
    """Explain ``cannot import name 'x' from 'library'``."""
    match = _MISSING_NAME.search(raised.message)
    if raised.kind != "ImportError" or match is None:
        return None
    module, name = match["module"], match["name"]
    path = match["path"] or ""
    top = module.partition(".")[0]
    if module.startswith("sklearn.externals"):
        return _removed(raised, f"{module}.{name}")
    is_of_azure = raised.library == "azure" or _OF_AZURE_AI_ML in "".join(raised.evidence)
    if top == "marshmallow" and is_of_azure:
        return _old_azure_ai_ml(raised)
    if "partially initialized" in match["how"]:
        return raised.diagnosis(
            "MS501",
            f"{module} is part of a circular import, so it has no {name} yet.",
            f"If your own file is named {top}.py, rename it; otherwise move the import "
            "into the function that needs it.",
        )
    return _lacks(raised, name, module=module, path=path)


def _old_azure_ai_ml(raised: Raised) -> Diagnosis:
    """Explain releases of azure-ai-ml before 1.26.3, which do not exclude marshmallow 4."""
    return raised.diagnosis(
        "MS618",
        "This release of azure-ai-ml cannot be imported with the installed marshmallow.",
        "Upgrade it: pip install 'azure-ai-ml>=1.27' 'marshmallow<4'.",
    )


def _lacks(raised: Raised, name: str, *, module: str, path: str) -> Diagnosis | None:
    """Explain a name missing from a module: the advice depends on whose module it is."""
    top = module.partition(".")[0]
    if raised.around.is_of_python(top) and not _is_of_bundle(path):
        return _of_python(raised, name, module=module)
    if _INSTALLED.search(path) or (top in LIBRARIES and not _is_of_bundle(path)):
        package = package_of(module)
        return raised.diagnosis(
            "MS201",
            f"The installed {package} has no {name} in {module}: the code that imports "
            "it was written for another version.",
            _OR_PIN.format(package=package),
        )
    if path == "unknown location":
        return raised.diagnosis(
            "MS104",
            f"The script imports {name} from the folder {module}, which has no {name}.py.",
            f"Add {module.replace('.', '/')}/{name}.py to the source directory, or correct the "
            "name.",
        )
    return None


def _of_python(raised: Raised, name: str, *, module: str) -> Diagnosis:
    """Explain a name missing from a Python module, where the bundle may have one of that name."""
    top = module.partition(".")[0]
    file = raised.around.in_root(top)
    cause = f"{module} is a module of the standard library and has no {name}"
    if raised.around.source is not None and not file:
        return raised.diagnosis("MS104", f"{cause}.", "Correct the line.")
    if file.count("/") and module == top:
        advice = f"Write import {name}, and pass the folder {top} itself as source_directory."
        return raised.diagnosis(
            "MS116", f"{cause}: it takes precedence over the folder {top}.", advice
        )
    if file:
        advice = f"Rename {file}."
        return raised.diagnosis("MS116", f"{cause}: it takes precedence over {file}.", advice)
    return raised.diagnosis(
        "MS116",
        f"{cause}.",
        f"If {top} is your own file or folder, rename it: the standard library takes precedence. "
        "Otherwise correct the line.",
    )


def _is_of_bundle(path: str) -> bool:
    return "/var/azureml-app/" in path or "/app/" in path
