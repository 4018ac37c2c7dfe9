"""Define where the files of a bundle are in a service, and which source paths are reserved.

Every target lays a bundle out in one folder, ``AML_APP_ROOT``: the source in its root, and each
model in ``azureml-models/<name>/<version>``. ``AZUREML_MODEL_DIR`` is that folder where there is
one model, and ``azureml-models`` where there are several or none, as on Azure. The server starts in
the root, which so comes first on Python's path. What targets put there or start from there is
reserved: a source that held it would hide a model or the server, and not on every target alike.

All else is the author's own: a module that hides one of a package, a ``sitecustomize.py`` (Python
looks for it before the folder is on its path, so nothing runs it), a ``swagger.json``, a
``gunicorn.conf.py``. It runs with the rights of the script, and is in the bundle's digest.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modelship.bundle.source_folder import SourceFile
    from modelship.sources import Model

__all__ = [
    "APART",
    "MODELS",
    "model_dir",
    "model_files",
    "model_folder",
    "models_problem",
    "path_problem",
    "script_name_problem",
    "script_problem",
    "source_folder",
    "source_problem",
]

MODELS: Final = "azureml-models"
"""The folder of models, below the root of the application."""

APART: Final = "source"
"""The folder of the source on a place that gives it one."""

_RESERVED: Final = MappingProxyType(
    {
        MODELS: "targets lay the model there",
        "azureml_inference_server_http": "it would run in place of the server",
        "modelship_server": "it would run in place of the server",
    }
)
_MOST_BYTES: Final = 1024
_MOST_DEEP: Final = 64
_SCRIPT_NAME: Final = re.compile(r"\w[\w.-]*\.py")
_SEPARATORS: Final = re.compile(r"[\\\x00-\x1f\x7f]")


def source_folder(source: Sequence[SourceFile], *, apart: bool) -> str:
    """Return where the source lies below the root of the application, ``"."`` for the root itself.

    Parameters
    ----------
    source : Sequence[SourceFile]
        The files.
    apart : bool
        Whether the place gives a source of several files a folder of its own.
    """
    return APART if apart and len(source) > 1 else "."


def model_folder(name: str, version: str) -> str:
    """Return where a service has a model, below the root of its application."""
    return f"{MODELS}/{name}/{version}"


def model_dir(models: Sequence[Model]) -> str:
    """Return what ``AZUREML_MODEL_DIR`` is, below the root of the application."""
    if len(models) != 1:
        return MODELS
    return model_folder(models[0].name, models[0].version)


def model_files(models: Sequence[Model]) -> tuple[str, ...]:
    """Return the paths of all files of the models, below ``AZUREML_MODEL_DIR``."""
    above = f"{model_dir(models)}/"
    return tuple(
        f"{model_folder(model.name, model.version)}/{file.path}".removeprefix(above)
        for model in models
        for file in model.files
    )


def models_problem(named: Iterable[tuple[str, str]]) -> str:
    """Return why models of these names and versions cannot lie in a service together, or ``""``."""
    seen: set[tuple[str, str]] = set()
    for name, version in named:
        key = (name.casefold(), version.casefold())  # a disk may ignore case
        if key in seen:
            return f"{name}:{version} is there twice, and both would lie in the same folder"
        seen.add(key)
    return ""


def path_problem(path: str) -> str:
    """Return why `path` cannot be that of a file below a bundle's folder, or ``""``.

    It has to be relative and in POSIX form, in at most 64 parts and 1024 bytes, with no part that
    is empty, ``.`` or ``..``, and without backslashes and control characters.
    """
    parts = path.split("/")
    if PurePosixPath(path).is_absolute() or ".." in parts:
        return "it leads out of it"
    if _SEPARATORS.search(path):
        return "it has a backslash or a control character"
    if "" in parts or "." in parts:
        return "it is not the plain path of a file"
    if len(parts) > _MOST_DEEP or len(path.encode(errors="surrogatepass")) > _MOST_BYTES:
        return f"it is longer than {_MOST_BYTES} bytes, or deeper than {_MOST_DEEP} folders"
    return ""


def script_problem(script: str, paths: Iterable[str]) -> str:
    """Return why `script` cannot be the entry script of a source of these paths, or ``""``."""
    if script not in set(paths):
        return "it is not one of the files of the source"
    if script.startswith("-"):
        return "it begins with a dash, which the server takes for an option"
    return script_name_problem(PurePosixPath(script).name)


def script_name_problem(name: str) -> str:
    """Return why the servers cannot load a script of this file name, or ``""``.

    They load it by its path, so that its name need not be that of a module, such as ``my-score``.
    A place that wants a module's name says so: :attr:`Profile.imports_script`.
    """
    if not _SCRIPT_NAME.fullmatch(name):
        return "its name has to be of letters, digits, '_', '-' and '.', and end in .py"
    return ""


def source_problem(paths: Iterable[str]) -> str:
    """Return why files of these paths cannot lie in a service together, or ``""``."""
    seen: set[str] = set()
    for path in paths:
        problem = path_problem(path) or _taken(path, seen)
        if problem:
            return f"{path[:_MOST_BYTES]!a}: {problem}"
        seen.add(path)
    folders = {str(parent) for path in seen for parent in PurePosixPath(path).parents}
    both = sorted(seen & folders)
    return f"{both[0]!r}: it is a file and a folder" if both else ""


def _taken(path: str, seen: set[str]) -> str:
    top = path.partition("/")[0]
    # A disk may ignore case, and Python takes any of its suffixes.
    name = top if top.casefold() == MODELS else top.partition(".")[0]
    reason = _RESERVED.get(name.casefold())
    return reason or ("it is listed twice" if path in seen else "")
