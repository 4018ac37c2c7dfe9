"""Read MLflow folders, in which the model is one file of another format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelship.errors import ModelLoadError
from modelship.sources._told import Told
from modelship.sources.contents import Contents
from modelship.sources.mlmodel import MLmodel, read_mlmodel
from modelship.tables import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelship.sources.model_format import ModelFormat

__all__ = ["file_in", "load_mlflow", "tell_mlflow", "why_not"]

_OWN_CODE = (
    "Write score.py with mlflow.pyfunc.load_model, and pass it as entry_script with the "
    "folder's conda.yaml as environment."
)


def why_not(found: MLmodel) -> str:
    """Return why the model in a folder can only be loaded by MLflow, or ``""``."""
    if found.has_code:
        return "an MLflow model with code of its author's, which mlflow has to import"
    if not found.file and found.flavor in {"python_function", ""}:
        return "an MLflow model of Python code, which mlflow has to load"
    if not found.file:
        return f"an MLflow model of the flavor {found.flavor}, whose file is not loaded here"
    return ""


def file_in(folder: Path) -> str:
    """Return the path of the model file in a folder, or ``""`` if only MLflow can load it."""
    found = read_mlmodel(folder)
    return found.file if found and not why_not(found) else ""


def tell_mlflow(folder: Path, *, format_of: Callable[[Path], ModelFormat]) -> Told:
    """Return the facts in the model file, completed with those of the signature."""
    found = read_mlmodel(folder) or MLmodel("")
    if reason := why_not(found):
        return Told(Contents(title=reason, predicts=False), found.schema)
    path = folder / found.file
    told = format_of(path).tells(path)
    try:
        return Told(told.contents, told.schema.completed_by(found.schema))
    except SchemaError:  # the signature belongs to another model; the file is what gets loaded
        return told


def load_mlflow(
    folder: Path, *, format_of: Callable[[Path], ModelFormat], trusting: bool = False
) -> Any:
    """Load the model file.

    Raises
    ------
    ModelLoadError
        If only MLflow can load it.
    """
    found = read_mlmodel(folder) or MLmodel("")
    if reason := why_not(found):
        cause = f"it is {reason}"
        advice = "Deploy it with a script that calls mlflow.pyfunc.load_model, and evaluate that."
        raise ModelLoadError(str(folder), cause, advice=advice)
    path = folder / found.file
    format_ = format_of(path)
    loader = (format_.trusting if trusting else None) or format_.loader
    if loader is None:
        raise ModelLoadError(str(folder), f"{found.file} is not loaded here", advice=_OWN_CODE)
    return loader(path)
