"""Define where the files of a bundle are in a service, and which source paths are reserved.

Every target lays a bundle out in one folder, ``AML_APP_ROOT``: the source in its root, and each
model in ``azureml-models/<name>/<version>``. ``AZUREML_MODEL_DIR`` is that folder of the model if
there is exactly one, and ``azureml-models`` otherwise, as on Azure. The server starts in the root,
which therefore comes first on the import path. The paths that targets write to or start from are
reserved: a source file there would shadow a model or the server, and not in the same way on every
target.

All other paths are free: a module that shadows one of a package, a ``sitecustomize.py`` (Python
looks for it before the folder is on the import path, so it is not run), a ``swagger.json``, a
``gunicorn.conf.py``. Such a file has the permissions of the script, and is in the digest of the
bundle.
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
"""The folder of models, relative to the root of the application."""

APART: Final = "source"
"""The folder of the source, on a target that keeps it separate."""

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
    """Return the source folder relative to the root of the application; ``"."`` is the root.

    Parameters
    ----------
    source : Sequence[SourceFile]
        The files.
    apart : bool
        Whether the place gives a source of several files its own folder.
    """
    return APART if apart and len(source) > 1 else "."


def model_folder(name: str, version: str) -> str:
    """Return the folder of a model, relative to the root of the application."""
    return f"{MODELS}/{name}/{version}"


def model_dir(models: Sequence[Model]) -> str:
    """Return the value of ``AZUREML_MODEL_DIR``, relative to the root of the application."""
    if len(models) != 1:
        return MODELS
    return model_folder(models[0].name, models[0].version)


def model_files(models: Sequence[Model]) -> tuple[str, ...]:
    """Return the paths of all model files, relative to ``AZUREML_MODEL_DIR``."""
    above = f"{model_dir(models)}/"
    return tuple(
        f"{model_folder(model.name, model.version)}/{file.path}".removeprefix(above)
        for model in models
        for file in model.files
    )


def models_problem(named: Iterable[tuple[str, str]]) -> str:
    """Return why models of these names and versions conflict in one service, or ``""``."""
    seen: set[tuple[str, str]] = set()
    for name, version in named:
        key = (name.casefold(), version.casefold())  # a file system may ignore case
        if key in seen:
            return f"{name}:{version} is there twice, and both would be in the same folder"
        seen.add(key)
    return ""


def path_problem(path: str) -> str:
    """Return why `path` is not a valid path of a file in a bundle, or ``""``.

    A valid path is relative and in POSIX form. It has at most 64 parts and 1024 bytes, no part that
    is empty, ``.`` or ``..``, and no backslashes or control characters.
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
    """Return why `script` is not a valid entry script of a source with these paths, or ``""``."""
    if script not in set(paths):
        return "it is not one of the files of the source"
    if script.startswith("-"):
        return "it begins with a dash, which the server takes for an option"
    return script_name_problem(PurePosixPath(script).name)


def script_name_problem(name: str) -> str:
    """Return why the servers cannot load a script of this file name, or ``""``.

    The servers load it by path, so the name does not have to be a valid module name: ``my-score``
    works. :attr:`Profile.imports_script` is True for a place that needs a module name.
    """
    if not _SCRIPT_NAME.fullmatch(name):
        return "its name must consist of letters, digits, '_', '-' and '.', and end in .py"
    return ""


def source_problem(paths: Iterable[str]) -> str:
    """Return why files with these paths conflict in one service, or ``""``."""
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
    # A file system may ignore case, and Python imports a module with any of its suffixes.
    name = top if top.casefold() == MODELS else top.partition(".")[0]
    reason = _RESERVED.get(name.casefold())
    return reason or ("it is listed twice" if path in seen else "")
