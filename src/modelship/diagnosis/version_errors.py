"""Explain exceptions of a model file from another version or Python, or that is corrupt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelship.known_packages import LIBRARIES, package_of

if TYPE_CHECKING:
    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = [
    "explain_binary_clash",
    "explain_corrupt_model",
    "explain_other_version",
    "explain_unpickled_name",
    "written_by_another",
]

_ATTRIBUTE = re.compile(
    r"Can't get attribute '(?P<name>[\w.]+)' on <module '(?P<module>[\w.]+)'(?P<rest>.*)"
)
_OTHER_VERSION = (
    "incompatible dtype",
    "is not a known BitGenerator",
    "_sklearn_version",
    "Buffer dtype mismatch",
    "Incompatible checksums",
    "__pyx_unpickle",
    "__setstate_cython__",
    "when using version",
)
_SIZE = re.compile(r"Expected (?P<built>\d+) from C header, got (?P<found>\d+) from PyObject")
_ABI = re.compile(r"ABI version 0x(?P<built>\w+) but this version of numpy is 0x(?P<found>\w+)")
_FOR_NUMPY_1 = ("compiled using NumPy 1.x", "_ARRAY_API not found")
_BINARY = (
    "numpy.dtype size changed",
    "numpy.ndarray size changed",
    "compiled against ABI version",
    "numpy.core.multiarray failed to import",
    *_FOR_NUMPY_1,
)


def explain_unpickled_name(raised: Raised) -> Diagnosis | None:
    """Explain ``Can't get attribute 'X' on <module …>``, raised by unpickling."""
    match = _ATTRIBUTE.search(raised.message)
    if match is None:
        return None
    name, module = match["name"], match["module"]
    if module.rpartition(".")[2] in {"__main__", "__mp_main__"} or "gunicorn" in match["rest"]:
        return raised.diagnosis(
            "MS303",
            f"The model refers to {name} in __main__, the program that saved it; the "
            "service is another program.",
            f"Move {name} to a module next to the script, import it from there when you train, and "
            "save the model again.",
        )
    top = module.partition(".")[0]
    if top in LIBRARIES or "site-packages" in match["rest"]:
        package = package_of(module)
        return raised.diagnosis(
            "MS201",
            f"The model was written by another version of {package}: the installed version "
            f"has no {name} in {module}.",
            raised.pin_of_model(package),
        )
    if raised.around.is_of_python(top):
        return _of_pythons_name(raised, name, module=module)
    file = raised.around.in_root(top) or f"{module.replace('.', '/')}.py"
    return raised.diagnosis(
        "MS304",
        f"The model needs {name} from the module {module}, which does not define it in the "
        "service.",
        f"Put the {file} that the model was saved with next to the script.",
    )


def _of_pythons_name(raised: Raised, name: str, *, module: str) -> Diagnosis:
    """Explain a class of a custom module that has the name of one of Python's."""
    return raised.diagnosis(
        "MS304",
        f"The model needs {name} from a module {module}, but the standard library's module of "
        "that name does not define it.",
        f"Rename your module {module}, and save the model again.",
    )


def explain_other_version(raised: Raised) -> Diagnosis | None:
    """Explain libraries' messages about a model with unknown fields."""
    if not any(words in raised.message for words in _OTHER_VERSION):
        return None
    if raised.phase == "run" and not raised.is_loading:
        return None  # of the rows of a request
    return written_by_another(raised, raised.brief)


def written_by_another(raised: Raised, told: str) -> Diagnosis:
    """Return that another version of the library that raised has written the model."""
    library = raised.library if raised.library in LIBRARIES - {"joblib"} else ""
    known = raised.around.packages_of_model
    if not library and known and "sklearn" not in known and "BitGenerator" not in raised.message:
        return raised.diagnosis(
            "MS201",
            f"The model was written by other versions than the installed ones: "
            f"{told.rstrip(' .:')}.",
            "Pin in the environment the versions of the packages that wrote the model.",
        )
    if not library:
        library = "numpy" if "BitGenerator" in raised.message else "sklearn"
    package = package_of(library)
    return raised.diagnosis(
        "MS201",
        f"The model was written by another version of {package} than the installed one: "
        f"{told.rstrip(' .:')}.",
        raised.pin_of_model(package),
    )


def explain_binary_clash(raised: Raised) -> Diagnosis | None:
    """Explain compiled packages that were built for another NumPy."""
    if not any(words in raised.message for words in _BINARY):
        return None
    return raised.diagnosis(
        "MS201",
        f"A compiled package was built for another NumPy than the installed one: {raised.brief}.",
        _remedy_for_clash(raised),
    )


def _remedy_for_clash(raised: Raised) -> str:
    """Return which of the two has to be newer: the message names the builds."""
    numbers = _ABI.search(raised.message) or _SIZE.search(raised.message)
    base = 16 if numbers is not None and numbers.re is _ABI else 10
    if numbers and int(numbers["built"], base) > int(numbers["found"], base):
        return "Request a newer numpy in the environment: the package was built for one."
    if numbers or any(words in raised.message for words in _FOR_NUMPY_1):
        return "Pin numpy<2 in the environment, or newer versions of the packages that use it."
    return "Pin the numpy that the package was built for, or a newer version of the package."


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
_NUMBER_OF_V = "118"  # the first letter of "version https://git-lfs…", in pickle's opcode table
_KEY = re.compile(r"invalid load key, '(?P<key>.{1,4})'")
_COMPRESSED = frozenset({"x", r"\x1f", "B", r"\xfd", r"\x04"})  # zlib, gzip, bz2, xz, lz4
_LOAD_OTHERWISE = {
    "P": (
        "a zip archive",
        "Load it with the library that wrote it: skops.io.load, torch.load or numpy.load.",
    ),
    r"\x89": (
        "an HDF5 file",
        "Load it with the library that wrote it, such as keras.models.load_model.",
    ),
    r"\x08": ("apparently an ONNX model", "Load it with onnxruntime.InferenceSession."),
    "{": (
        "JSON",
        "Load it with the library that wrote it, such as load_model() of an xgboost.Booster.",
    ),
    "<": ("a web page or XML", "Get the model itself, and register or deploy it again."),
}


def explain_corrupt_model(raised: Raised) -> Diagnosis | None:
    """Explain files that are not a model, are incomplete, or have another format."""
    number = raised.kind == "KeyError" and raised.message.strip().isdigit()  # pickle's opcode table
    if not any(words in raised.message for words in _CORRUPT) and not number:
        return None
    if not raised.is_loading and raised.kind not in {"UnpicklingError", "InvalidProtobuf"}:
        return None
    match = _KEY.search(raised.message)
    key = match["key"] if match else ""
    if key == "v" or raised.message.strip(" .") == _NUMBER_OF_V:
        return raised.diagnosis(
            "MS305",
            "The model file is text, most likely a Git LFS pointer instead of the model.",
            "Get the file itself (git lfs pull), and register or deploy it again.",
        )
    return _read_otherwise(raised, key) or _damaged(raised)


def _read_otherwise(raised: Raised, key: str) -> Diagnosis | None:
    """Explain an intact file that the script reads with the wrong function."""
    around = raised.around
    if key in _COMPRESSED:
        return raised.diagnosis(
            "MS502",
            f"The model file is compressed, and the script does not unpack it: {raised.brief}.",
            "Write joblib.load(path), which unpacks it.",
        )
    if key in _LOAD_OTHERWISE:
        what, advice = _LOAD_OTHERWISE[key]
        return raised.diagnosis("MS502", f"The model file is not a pickle but {what}.", advice)
    if around.is_whole and around.model_format in {"joblib", "pickle"}:
        joblib = "joblib" in around.packages_of_model
        return raised.diagnosis(
            "MS502",
            "The model file is intact, but the script reads it in another way than it was written: "
            f"{raised.brief.rstrip('.')}.",
            "Write joblib.load(path): joblib.dump wrote the file."
            if joblib
            else "Open the file once, in binary mode, and load the model from its beginning.",
        )
    return None


def _damaged(raised: Raised) -> Diagnosis:
    if "Ran out of input" in raised.message:
        return raised.diagnosis("MS305", "The model file is empty, or ends too early.")
    cause = f"The model file is damaged or not a model: {raised.brief.rstrip('.')}."
    by_pickle = any("pickle.load(" in line or "Unpickler" in line for line in raised.evidence)
    if by_pickle and _KEY.search(raised.message):
        advice = "If joblib.dump wrote it, write joblib.load(path); else copy or save it again."
        return raised.diagnosis("MS305", cause, advice)
    return raised.diagnosis("MS305", cause)
