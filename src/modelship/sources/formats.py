"""List all known model formats.

A new format is one entry in :data:`FORMATS`, and a module with its reader. The entry defines how a
file is recognized, read without loading it, and loaded in this process, what its environment
requires, and how a generated scoring script loads it and predicts with it.

Formats are not plug-ins. The format of a model is in the digest of its bundle, and its reader
decides whether loading is safe, so neither may depend on the packages installed on a machine. A
model of another format is served with the user's own scoring script and environment.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import CorruptModelError
from modelship.sources import _lightgbm, _xgboost
from modelship.sources._archives import ZIP
from modelship.sources._budget import Budget
from modelship.sources._mlflow import file_in, load_mlflow, tell_mlflow
from modelship.sources._native import load_native, load_skops
from modelship.sources._onnx import read_onnx
from modelship.sources._parts import Part
from modelship.sources._pickled import load_pickle, read_pickle_file
from modelship.sources._skops import is_skops, read_skops
from modelship.sources._told import Told, tell_pickle, tell_skops
from modelship.sources.contents import Contents, with_article
from modelship.sources.model_format import OTHER, Formats, ModelFormat, ScriptLines
from modelship.tables.natives import of_lightgbm, of_onnx, of_xgboost

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FOLDER", "FORMATS", "MLFLOW", "OTHER", "Formats", "ModelFormat", "ScriptLines"]


def _read_again(path: Path) -> Told:
    """Return the schema that the reader of a format finds."""
    try:
        read = FORMATS.read(Part(path, Budget(path.stat().st_size), alone=True))
        title = f"{with_article(FORMATS[read.format].title)} that {read.unusable}"
        contents = Contents(title=title, predicts=False) if read.unusable else Contents()
        return Told(contents, read.schema)
    except (OSError, CorruptModelError):  # the problem is in its passport
        return Told()


def _load_onnx(path: Path) -> Any:
    """Load a network with its class labels, which onnxruntime does not provide."""
    outputs = _read_again(path).schema.outputs
    classes = outputs.labels[0] if outputs.probabilities else ()
    return load_native(of_onnx.load_onnx, path, package="onnxruntime", classes=classes)


_PICKLE: Final = ModelFormat(
    name="pickle",
    title="pickle",
    suffixes=(".pkl", ".pickle"),
    packed_suffixes=(".z", ".gz", ".bz2", ".xz", ".lzma", ".lz4"),
    reader=read_pickle_file,
    requires=("joblib", "numpy"),
    loader=load_pickle,
    tells=tell_pickle,
    script=ScriptLines(
        imports=("import joblib",),
        load="joblib.load({path})",
    ),
)
_JOBLIB: Final = replace(_PICKLE, name="joblib", suffixes=(".joblib",))
_SKOPS: Final = ModelFormat(
    name="skops",
    title="skops file",
    suffixes=(".skops",),
    begins=ZIP,
    confirms=is_skops,
    reader=read_skops,
    saved_with="skops.io.dump(model, path)",
    requires=("skops", "numpy"),
    runs_on="skops",
    loader=load_skops,
    trusting=partial(load_skops, trusting=True),
    script=ScriptLines(
        imports=("import skops.io",),
        load="skops.io.load({path}, trusted={trusted})",
    ),
    tells=tell_skops,
)
_ONNX: Final = ModelFormat(
    name="onnx",
    title="ONNX model",
    suffixes=(".onnx",),
    reader=read_onnx,
    saved_with="onnx.save(model, path)",
    requires=("onnxruntime", "numpy"),
    runs_on="onnxruntime",
    loader=_load_onnx,
    script=ScriptLines(
        imports=("from modelship_tables.natives.of_onnx import load_onnx",),
        load="load_onnx({path}{labels})",
        natives=("of_onnx",),
    ),
    tells=_read_again,
)
_LIGHTGBM: Final = ModelFormat(
    name="lightgbm",
    title="LightGBM model",
    begins=_lightgbm.BEGINS,
    confirms=_lightgbm.is_lightgbm,
    reader=_lightgbm.read_lightgbm,
    saved_with="booster.save_model(path)",
    requires=("lightgbm", "numpy"),
    runs_on="lightgbm",
    loader=partial(load_native, of_lightgbm.load_lightgbm, package="lightgbm"),
    script=ScriptLines(
        imports=("from modelship_tables.natives.of_lightgbm import load_lightgbm",),
        load="load_lightgbm({path}{classes})",
        natives=("estimators", "of_lightgbm"),
    ),
    tells=_read_again,
    in_digests="unknown",
)
_XGBOOST: Final = ModelFormat(
    name="xgboost",
    title="XGBoost model",
    suffixes=(".ubj",),
    begins=_xgboost.BEGINS,
    confirms=_xgboost.is_xgboost,
    reader=_xgboost.read_xgboost,
    saved_with="model.save_model(path)",
    requires=("xgboost", "numpy"),
    runs_on="xgboost",
    loader=partial(load_native, of_xgboost.load_xgboost, package="xgboost"),
    script=ScriptLines(
        imports=("from modelship_tables.natives.of_xgboost import load_xgboost",),
        load="load_xgboost({path}{classes})",
        natives=("estimators", "of_xgboost"),
    ),
    tells=_read_again,
    in_digests="unknown",
)


def _format_of(path: Path) -> ModelFormat:
    return FORMATS.of(path)


MLFLOW: Final = ModelFormat(
    name="mlflow",
    title="MLflow model",
    loader=partial(load_mlflow, format_of=_format_of),
    trusting=partial(load_mlflow, format_of=_format_of, trusting=True),
    tells=partial(tell_mlflow, format_of=_format_of),
    file_in=file_in,
    in_digests="folder",
)
"""A folder with an ``MLmodel`` file, which names the file of the model."""
FOLDER: Final = ModelFormat(name="folder")
"""A folder of files, each read by its own format."""

FORMATS: Final = Formats(
    (
        *(_SKOPS, _ONNX, _LIGHTGBM, _XGBOOST),
        *(_PICKLE, _JOBLIB, MLFLOW, FOLDER, OTHER),
    )
)
"""The known formats."""
