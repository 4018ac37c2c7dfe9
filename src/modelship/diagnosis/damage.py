"""Exceptions of a model file that is no model, or that is read in another way than it was written.

A pickle tells by its first byte that it is none: pickle calls that byte a key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = ["explain_corrupt_model"]

_CORRUPT = (
    "invalid load key",
    "pickle data was truncated",
    "Ran out of input",
    "Protobuf parsing failed",
    "File is not a zip file",
    "INVALID_PROTOBUF",
    "unpickling stack underflow",
    "could not find MARK",
)
_NUMBER_OF_V = "118"  # the first letter of "version https://git-lfs…", as pickle's own table has it
_KEY = re.compile(r"invalid load key, '(?P<key>.{1,4})'")
_COMPRESSED = frozenset({"x", r"\x1f", "B", r"\xfd", r"\x04"})  # zlib, gzip, bz2, xz, lz4
_LOAD_OTHERWISE = {
    "P": ("a zip archive", "Load it with what wrote it: skops.io.load, torch.load or numpy.load."),
    r"\x89": ("an HDF5 file", "Load it with what wrote it, such as keras.models.load_model."),
    r"\x08": ("an ONNX model, it seems", "Load it with onnxruntime.InferenceSession."),
    "{": ("JSON", "Load it with what wrote it, such as load_model() of an xgboost.Booster."),
    "<": ("a web page or XML", "Get the model itself, and register or deploy it again."),
}


def explain_corrupt_model(raised: Raised) -> Diagnosis | None:
    """Explain files that are no model, only a part of one, or of another kind than is read."""
    number = raised.kind == "KeyError" and raised.message.strip().isdigit()  # pickle's own table
    if not any(words in raised.message for words in _CORRUPT) and not number:
        return None
    if not raised.is_loading and raised.kind not in {"UnpicklingError", "InvalidProtobuf"}:
        return None
    match = _KEY.search(raised.message)
    key = match["key"] if match else ""
    if key == "v" or raised.message.strip(" .") == _NUMBER_OF_V:
        return raised.diagnosis(
            "MS305",
            "The model file is a text, most likely a pointer of Git LFS in place of the model.",
            "Get the file itself (git lfs pull), and register or deploy it again.",
        )
    return _read_otherwise(raised, key) or _damaged(raised)


def _read_otherwise(raised: Raised, key: str) -> Diagnosis | None:
    """Explain a file that is whole, and that the script reads with the wrong function."""
    around = raised.around
    if key in _COMPRESSED:
        return raised.diagnosis(
            "MS502",
            f"The model file is compressed, and the script does not unpack it: {raised.brief}.",
            "Write joblib.load(path), which unpacks it.",
        )
    if key in _LOAD_OTHERWISE:
        what, remedy = _LOAD_OTHERWISE[key]
        return raised.diagnosis("MS502", f"The model file is no pickle but {what}.", remedy)
    if around.is_whole and around.model_format in {"joblib", "pickle"}:
        joblib = "joblib" in around.packages_of_model
        return raised.diagnosis(
            "MS502",
            "The model file is whole, and the script reads it in another way than it was written: "
            f"{raised.brief.rstrip('.')}.",
            "Write joblib.load(path): joblib.dump wrote the file."
            if joblib
            else "Open the file once, in binary mode, and load the model from its beginning.",
        )
    return None


def _damaged(raised: Raised) -> Diagnosis:
    if "Ran out of input" in raised.message:
        return raised.diagnosis("MS305", "The model file is empty, or ends too early.")
    cause = f"The model file is damaged or no model: {raised.brief.rstrip('.')}."
    by_pickle = any("pickle.load(" in line or "Unpickler" in line for line in raised.evidence)
    if by_pickle and _KEY.search(raised.message):
        remedy = "If joblib.dump wrote it, write joblib.load(path); else copy or save it again."
        return raised.diagnosis("MS305", cause, remedy)
    return raised.diagnosis("MS305", cause)
