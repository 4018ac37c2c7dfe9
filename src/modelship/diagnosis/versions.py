"""Exceptions of a model that another version of a library, or another Python, has written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelship.diagnosis.packages import LIBRARIES, package_of

if TYPE_CHECKING:
    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = [
    "explain_attribute",
    "explain_binary_clash",
    "explain_corrupt_model",
    "explain_other_python",
    "explain_other_version",
    "explain_unpickled_name",
]

_ATTRIBUTE = re.compile(
    r"Can't get attribute '(?P<name>[\w.]+)' on <module '(?P<module>[\w.]+)'(?P<rest>.*)"
)
_NO_ATTRIBUTE = re.compile(r"module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'")
_REMOVED = re.compile(r"`np\.(?P<name>\w+)` was removed in the NumPy 2")
_GONE_IN_NUMPY_1_24 = frozenset({"bool", "complex", "float", "int", "long", "object", "str"})
_OBJECT = re.compile(r"'(?P<cls>\w+)' object has no attribute '(?P<name>\w+)'")
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
_BINARY = (
    "numpy.dtype size changed",
    "numpy.ndarray size changed",
    "compiled using NumPy 1.x",
    "compiled against ABI version",
    "numpy.core.multiarray failed to import",
    "_ARRAY_API not found",
)
_PROTOCOL = re.compile(r"unsupported pickle protocol: (?P<protocol>\d+)")
_BYTECODE = ("code() argument", "code expected at", "unknown opcode", "bad marshal data")
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
_LFS = ("invalid load key, 'v'", "118")  # the first letter of "version https://git-lfs…"


def explain_unpickled_name(raised: Raised) -> Diagnosis | None:
    """Explain ``Can't get attribute 'X' on <module …>``, which unpickling says."""
    match = _ATTRIBUTE.search(raised.message)
    if match is None:
        return None
    name, module = match["name"], match["module"]
    if module.rpartition(".")[2] in {"__main__", "__mp_main__"} or "gunicorn" in match["rest"]:
        return raised.diagnosis(
            "MS303",
            f"The model was saved with {name} of the program that was run then (__main__); the "
            "service is another program.",
            f"Move {name} to a module beside the script, import it from there when you train, and "
            "save the model again.",
        )
    top = module.partition(".")[0]
    if top in LIBRARIES or "site-packages" in match["rest"]:
        package = package_of(module)
        return raised.diagnosis(
            "MS201",
            f"The model was written by another version of {package}: the one that is installed "
            f"has no {name} in {module}.",
            raised.pin_of_model(package),
        )
    return raised.diagnosis(
        "MS304",
        f"The model needs {name} of the module {module}, which has none in the service.",
        f"Put the {module.replace('.', '/')}.py that the model was saved with beside the script.",
    )


def explain_attribute(raised: Raised) -> Diagnosis | None:
    """Explain an attribute that a library has lost, or that an older model never had."""
    if raised.kind != "AttributeError":
        return None
    if match := _REMOVED.search(raised.message):
        return _lost(raised, "numpy", match["name"])
    if match := _NO_ATTRIBUTE.search(raised.message):
        top = match["module"].partition(".")[0]
        return _lost(raised, match["module"], match["name"]) if top in LIBRARIES else None
    match = _OBJECT.search(raised.message)
    # Raised by a library about an object of its own: the model was written by another version.
    if match and raised.library in LIBRARIES and match["cls"] not in {"NoneType", "str", "dict"}:
        return _written_by_another(raised, f"its {match['cls']} has no {match['name']}")
    return None


def _lost(raised: Raised, module: str, name: str) -> Diagnosis:
    package = package_of(module)
    older = f"{package}==..."
    if package == "numpy":
        older = "numpy<1.24" if name in _GONE_IN_NUMPY_1_24 else "numpy<2"
    return raised.diagnosis(
        "MS201",
        f"The {package} that is installed has no {module}.{name}: it is another version than the "
        "code was written for.",
        f"Pin in the environment the version that has it ({older}), or correct the line.",
    )


def explain_other_version(raised: Raised) -> Diagnosis | None:
    """Explain what libraries say of a model whose fields they do not know."""
    if not any(words in raised.message for words in _OTHER_VERSION):
        return None
    return _written_by_another(raised, raised.brief)


def _written_by_another(raised: Raised, told: str) -> Diagnosis:
    library = raised.library if raised.library in LIBRARIES - {"joblib"} else ""
    if not library:
        library = "numpy" if "BitGenerator" in raised.message else "sklearn"
    package = package_of(library)
    return raised.diagnosis(
        "MS201",
        f"The model was written by another version of {package} than is installed: "
        f"{told.rstrip(' .:')}.",
        raised.pin_of_model(package),
    )


def explain_binary_clash(raised: Raised) -> Diagnosis | None:
    """Explain compiled packages that were built for another NumPy."""
    if not any(words in raised.message for words in _BINARY):
        return None
    return raised.diagnosis(
        "MS201",
        f"A compiled package was built for another NumPy than is installed: {raised.brief}.",
        "Pin numpy<2 in the environment, or newer versions of the packages that use it.",
    )


def explain_other_python(raised: Raised) -> Diagnosis | None:
    """Explain pickles that this Python cannot read."""
    if match := _PROTOCOL.search(raised.message):
        return raised.diagnosis(
            "MS206",
            f"The model is a pickle of protocol {match['protocol']}, which the Python of the "
            "service cannot read.",
            "Use the Python that wrote the model, or save it again with protocol=4.",
        )
    if raised.is_loading and any(words in raised.message for words in _BYTECODE):
        return raised.diagnosis(
            "MS206",
            f"The model holds code of another Python than that of the service: {raised.brief}.",
        )
    return None


def explain_corrupt_model(raised: Raised) -> Diagnosis | None:
    """Explain files that are no model, or only a part of one."""
    number = raised.kind == "KeyError" and raised.message.strip().isdigit()  # pickle's own table
    if not any(words in raised.message for words in _CORRUPT) and not number:
        return None
    if not raised.is_loading and raised.kind not in {"UnpicklingError", "InvalidProtobuf"}:
        return None
    if "Ran out of input" in raised.message:
        return raised.diagnosis("MS305", "The model file is empty, or ends too early.")
    if any(raised.message.strip(" .").startswith(words) for words in _LFS):
        return raised.diagnosis(
            "MS305",
            "The model file is a text, most likely a pointer of Git LFS in place of the model.",
            "Get the file itself (git lfs pull), and register or deploy it again.",
        )
    return raised.diagnosis("MS305", f"The model file is damaged or no model: {raised.brief}.")
