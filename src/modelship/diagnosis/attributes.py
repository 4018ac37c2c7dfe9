"""Exceptions about an attribute: that a library has lost, or that an older model never had."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelship.diagnosis.versions import written_by_another
from modelship.known_packages import LIBRARIES, known_package, package_of
from modelship.known_wheels import has_wheel

if TYPE_CHECKING:
    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = ["explain_attribute"]

_NO_ATTRIBUTE = re.compile(r"module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'")
_REMOVED = re.compile(r"`np\.(?P<name>\w+)` was removed in the NumPy 2")
_GONE_IN_NUMPY_1_24 = frozenset({"bool", "complex", "float", "int", "long", "object", "str"})
_PARTIAL = re.compile(r"partially initialized module '(?P<module>[\w.]+)' has no attribute")
# What is passed to libraries, and is none of their models.
_DATA = frozenset(
    (
        *("NoneType", "str", "dict", "list", "tuple", "set", "int", "float", "bool", "bytes"),
        *("function", "ndarray", "DataFrame", "Series", "Index", "csr_matrix", "generator"),
    )
)
_GONE_IN_PANDAS_2 = {
    "append": "pandas.concat([frame, other])",
    "iteritems": "frame.items()",
    "mad": "(frame - frame.mean()).abs().mean()",
}
_OBJECT = re.compile(r"'(?P<cls>\w+)' object has no attribute '(?P<name>\w+)'")


def explain_attribute(raised: Raised) -> Diagnosis | None:
    """Explain an attribute that a library has lost, or that an older model never had."""
    if raised.kind != "AttributeError":
        return None
    if match := _PARTIAL.search(raised.message):
        return _hidden(raised, match["module"].partition(".")[0])
    if match := _REMOVED.search(raised.message):
        return _lost(raised, "numpy", match["name"])
    if match := _NO_ATTRIBUTE.search(raised.message):
        return _of_module(raised, match["module"], match["name"])
    match = _OBJECT.search(raised.message)
    return _of_object(raised, match["cls"], match["name"]) if match else None


def _of_object(raised: Raised, cls: str, name: str) -> Diagnosis | None:
    if cls in {"DataFrame", "Series"} and name in _GONE_IN_PANDAS_2:
        return raised.diagnosis(
            "MS201",
            f"pandas 2 has no {cls}.{name}, which the script was written for.",
            f"Write {_GONE_IN_PANDAS_2[name]} in its place.",
        )
    # Raised by a library about an object of its own: the model was written by another version.
    if raised.library in LIBRARIES and cls not in _DATA and not _is_same(raised):
        return written_by_another(raised, f"its {cls} has no {name}")
    return None


def _is_same(raised: Raised) -> bool:
    """Return whether the library that raised is of the very version that wrote the model."""
    package = package_of(raised.library)
    wrote = raised.around.wrote.get(package)
    return wrote is not None and wrote == (raised.around.locked or {}).get(package)


def _of_module(raised: Raised, module: str, name: str) -> Diagnosis | None:
    top = module.partition(".")[0]
    if top not in LIBRARIES:
        return None
    if raised.around.in_root(top):
        return _hidden(raised, top)
    return _lost(raised, module, name)


def _hidden(raised: Raised, top: str) -> Diagnosis:
    file = raised.around.in_root(top)
    if known_package(top) and (file or raised.around.source is None):
        return raised.diagnosis(
            "MS116",
            f"A file {file or f'{top}.py'} beside the script hides the package {top}.",
            f"Give {file or f'{top}.py'} another name.",
        )
    return raised.diagnosis(
        "MS501",
        f"{top} is used while it is being imported: {raised.brief}.",
        "Move the import into the function that needs it.",
    )


def _lost(raised: Raised, module: str, name: str) -> Diagnosis:
    package = package_of(module)
    told = f"The {package} that is installed has no {module}.{name}"
    if package != "numpy":
        return raised.diagnosis(
            "MS201",
            f"{told}: it is another version than the code was written for, or {name} has to be "
            "imported by itself.",
            f"Write import {module}.{name} if that is a module, correct the line, or pin the "
            f"version of {package} that the script was written for.",
        )
    bound, last = ("1.24", "1.23.5") if name in _GONE_IN_NUMPY_1_24 else ("2", "1.26.4")
    python = raised.around.python
    pin = f"pin numpy<{bound} in the environment"
    can = python is None or has_wheel("numpy", last, python=python)
    if raised.library and raised.library != "numpy":
        user = package_of(raised.library)
        remedy = f"Take a newer version of {user}, which uses it{f', or {pin}' if can else ''}."
    elif can:
        remedy = f"Correct the line, or {pin}."
    else:
        remedy = f"Correct the line: {raised.around.python_name} has no numpy that has np.{name}."
    return raised.diagnosis("MS201", f"{told}: numpy removed it in {bound}.", remedy)
