"""Read MLflow's ``MLmodel`` file: the path of the model file and its signature.

The format is that of ``mlflow.models.Model.save``: flavors by name, each with the file that it
loads, and a signature whose inputs and outputs are JSON texts (``mlflow.types.schema``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelship.documents import DocumentError, parse, read_regular
from modelship.tables import Column, Outputs, Schema, SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["MLmodel", "read_mlmodel"]

_FILE: Final = "MLmodel"
_MAX_BYTES: Final = 4 * 2**20
_MAX_COLUMNS: Final = 10_000
# The supported flavors, and the key with the file of each.
_FILES: Final = {
    "sklearn": "pickled_model",
    "lightgbm": "data",
    "xgboost": "data",
    "onnx": "data",
}
_VERSIONS: Final = {
    "sklearn": ("sklearn_version", "scikit-learn"),
    "lightgbm": ("lgb_version", "lightgbm"),
    "xgboost": ("xgb_version", "xgboost"),
}
_VERSION: Final = re.compile(r"[0-9][0-9A-Za-z.+]{0,63}")
_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "boolean": ("boolean", "bool"),
    "integer": ("integer", "int32"),
    "long": ("integer", "int64"),
    "float": ("number", "float32"),
    "double": ("number", "float64"),
    "string": ("text", ""),
    "datetime": ("date", ""),
}


@dataclass(frozen=True)
class MLmodel:
    """The content of an ``MLmodel`` file.

    Attributes
    ----------
    flavor : str
        The supported flavor: ``"sklearn"``, ``"lightgbm"``, ``"xgboost"`` or ``"onnx"``; or the
        names of all flavors, if none of these is present.
    file : str
        The path of its file in the folder; ``""`` if none can be loaded without MLflow.
    libraries : tuple[tuple[str, str], ...]
        PyPI name and version of the library that wrote it, if known.
    schema : Schema
        The schema of the signature.
    has_code : bool
        Whether the folder contains code of the author that has to be imported.
    """

    flavor: str
    file: str = ""
    libraries: tuple[tuple[str, str], ...] = ()
    schema: Schema = field(default_factory=Schema)
    has_code: bool = False


def read_mlmodel(folder: Path) -> MLmodel | None:
    """Read the ``MLmodel`` file in a folder; None if it is missing, or not MLflow's."""
    document = _document(folder / _FILE)
    flavors = document.get("flavors")
    if not isinstance(flavors, dict) or not flavors:
        return None
    named = {name: each for name, each in flavors.items() if isinstance(each, dict)}
    flavor = next((name for name in _FILES if name in named), "")
    schema = _schema(document.get("signature"))
    if not flavor:
        shown = ", ".join(sorted(str(name) for name in flavors if name != "python_function"))
        return MLmodel(shown or "python_function", schema=schema)
    options = named[flavor]
    return MLmodel(
        flavor,
        file=_inside(folder, options.get(_FILES[flavor])),
        libraries=_libraries(flavor, options),
        schema=schema,
        has_code=bool(options.get("code") or named.get("python_function", {}).get("code")),
    )


def _document(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(read_regular(path, most_bytes=_MAX_BYTES).decode("utf-8-sig"))
    except (OSError, DocumentError, yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _inside(folder: Path, name: object) -> str:
    """Return the path of a file in the folder, or ``""`` if it is elsewhere or missing."""
    if not isinstance(name, str) or not name or "\0" in name or "\\" in name:
        return ""
    path = folder / name
    parts = name.split("/")
    inside = not name.startswith("/") and ".." not in parts
    return (
        "/".join(part for part in parts if part not in {"", "."})
        if inside and path.is_file()
        else ""
    )


def _libraries(flavor: str, options: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    key, library = _VERSIONS.get(flavor, ("", ""))
    version = options.get(key)
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        return ()
    return ((library, version),)


def _schema(signature: object) -> Schema:
    if not isinstance(signature, dict):
        return Schema()
    inputs, outputs = (_parsed(signature.get(key)) for key in ("inputs", "outputs"))
    names = tuple(each["name"] for each in outputs if isinstance(each.get("name"), str))
    try:
        return _of_inputs(inputs, Outputs(names=names if len(names) == len(outputs) > 1 else ()))
    except SchemaError:  # two columns with the same name
        return Schema()


def _parsed(text: object) -> list[Mapping[str, Any]]:
    """Return the specifications in a JSON text; empty if it is not a list of them."""
    try:
        found = parse(text) if isinstance(text, str) else text
    except DocumentError:
        return []
    if not isinstance(found, list) or len(found) > _MAX_COLUMNS:
        return []
    return found if all(isinstance(each, dict) for each in found) else []


def _of_inputs(inputs: list[Mapping[str, Any]], outputs: Outputs) -> Schema:
    names = [each.get("name") for each in inputs]
    if inputs and all(isinstance(name, str) and name for name in names):
        if not any(each.get("type") == "tensor" for each in inputs):
            return Schema("table", tuple(map(_column, inputs)), outputs=outputs)
    elif len(inputs) == 1 and inputs[0].get("type") == "tensor":
        form = "" if _holds_texts(inputs[0]) else "array"
        return Schema(form, width=_width(inputs[0]), outputs=outputs)
    return Schema(outputs=outputs)


def _holds_texts(spec: Mapping[str, Any]) -> bool:
    """Return whether the tensor of a signature may contain texts, by the name of its dtype."""
    told = spec.get("tensor-spec")
    dtype = told.get("dtype") if isinstance(told, dict) else ""
    return isinstance(dtype, str) and dtype.startswith(("object", "str", "<U", "|S"))


def _column(spec: Mapping[str, Any]) -> Column:
    type_ = spec.get("type")
    kind, dtype = _KINDS.get(type_, ("", "")) if isinstance(type_, str) else ("", "")
    may_lack = spec.get("required") is False or spec.get("optional") is True
    return Column(str(spec["name"]), kind, dtype, missing=True if may_lack else None)


def _width(spec: Mapping[str, Any]) -> int | None:
    tensor = spec.get("tensor-spec")
    shape = tensor.get("shape") if isinstance(tensor, dict) else None
    is_rows = isinstance(shape, list) and len(shape) == 2  # noqa: PLR2004 - rows and columns
    width = shape[1] if is_rows and shape else None
    return width if type(width) is int and width > 0 else None
