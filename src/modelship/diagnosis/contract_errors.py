"""Explain violations of the contract of init() and run(), and what to write instead.

The texts are those of azureml-inference-server-http 1.5.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = ["explain_body", "explain_contract", "explain_unserializable", "remedy_of"]

_MISSING = re.compile(r"does not have an? (?P<name>init|run)\(\) function defined")
_SIGNATURE = re.compile(
    r"run\(\) (?:cannot accept|needs to accept)[^.]*"
    r"|(?:init|run)\(\) (?:missing \d+ required|takes \d+ positional|got an unexpected keyword).*"
)
_BOTH = "cannot be decorated with both"
_TOO_SLOW = re.compile(r"within the allocated time: (?P<limit>\d+) ?ms")
_TYPE = re.compile(r"Object of type (?P<name>\w+) is not JSON serializable")
_OLD_TYPE = re.compile(r"^(?P<name>.+) is not JSON serializable")
_KEY = re.compile(r"keys must be str, int, float, bool or None, not (?P<name>\w+)")
_NO_JSON = (
    (
        "Expecting value",
        ", and arrays as array.tolist(): str(list(row)) writes numpy 2 scalars as np.float64(…)",
    ),
    ("in double quotes", ": str() of a dict writes single quotes, which JSON does not allow"),
)


def explain_contract(raised: Raised) -> Diagnosis | None:
    """Explain the server's errors about init() and run(), before or during a call."""
    if match := _MISSING.search(raised.message):
        name = match["name"]
        return raised.diagnosis("MS102", f"The script defines no {name}().")
    if _BOTH in raised.message:
        return raised.diagnosis("MS114", "run() is decorated with both @rawhttp and @input_schema.")
    if match := _TOO_SLOW.search(raised.message):
        limit_s = int(match["limit"]) / 1000
        return raised.diagnosis("MS405", f"run() took longer than its limit of {limit_s:g} s.")
    match = _SIGNATURE.match(raised.message)
    # A call in the script, to a function that has the same name, has a place.
    if match and (raised.kind == "UserScriptError" or not raised.where):
        return raised.diagnosis("MS103", f"The server cannot call the script: {match[0]}.")
    return None


def explain_unserializable(raised: Raised) -> Diagnosis | None:
    """Explain an answer that the server cannot serialize as JSON."""
    key = _KEY.search(raised.message)
    match = key or _TYPE.search(raised.message) or _OLD_TYPE.search(raised.message)
    if raised.kind != "TypeError" or match is None:
        return None
    name = match["name"]
    if name == "coroutine":
        return raised.diagnosis("MS113", "run() is asynchronous, and nothing awaits it.")
    where = "run() returns" if not raised.where else "The script serializes"
    what = f"a dictionary with keys of type {name}" if key else f"a value of type {name}"
    advice = remedy_of([name], is_key=key is not None)
    return raised.diagnosis("MS107", f"{where} {what}, which is not JSON serializable.", advice)


def explain_body(raised: Raised) -> Diagnosis | None:
    """Explain a body that run() cannot parse as JSON."""
    reads = any("loads(" in line for line in raised.evidence)
    if raised.kind != "JSONDecodeError" or raised.phase != "run" or not reads:
        return None
    cause = f"run() calls loads() on text that is not JSON: {raised.message.strip()}."
    if "(char 0)" in raised.message:
        return raised.diagnosis("MS511", cause, "Send JSON: the body is empty or not JSON.")
    hint = next((hint for words, hint in _NO_JSON if words in raised.message), "")
    return raised.diagnosis("MS511", cause, f"Write the body with json.dumps{hint}.")


_TEXT: Final = ".isoformat()"
_LIST: Final = "list(value)"
# What to write, by the name of a class or of its base class, with and without its module.
_VALUES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "polars.DataFrame": "value.to_dicts()",
        "polars.Series": "value.to_list()",
        "pyarrow.Table": "value.to_pylist()",
        "DataFrame": "value.to_dict(orient='records')",
        **dict.fromkeys(
            ("Series", "Index", "ExtensionArray", "ndarray", "Tensor"), "value.tolist()"
        ),
        **dict.fromkeys(("spmatrix", "sparray", "csr_matrix"), "value.toarray().tolist()"),
        "EagerTensor": "value.numpy().tolist()",
        **dict.fromkeys(("NaTType", "NAType"), "None, for a missing value"),
        **dict.fromkeys(("Timestamp", "datetime", "date", "time"), "value.isoformat()"),
        **dict.fromkeys(("Timedelta", "timedelta"), "value.total_seconds()"),
        **dict.fromkeys(("datetime64", "timedelta64", "Period", "Interval"), "str(value)"),
        **dict.fromkeys(("complexfloating", "complex"), "[value.real, value.imag]"),
        **dict.fromkeys(("bool_", "numpy.bool"), "bool(value)"),
        "integer": "int(value)",
        "floating": "float(value)",
        "generic": "value.item()",
        "Decimal": "float(value), or str(value) to keep each digit",
        "Fraction": "float(value)",
        **dict.fromkeys(("UUID", "PurePath", "BaseException"), "str(value)"),
        "Enum": "value.value",
        **dict.fromkeys(("set", "frozenset"), "sorted(value)"),
        **dict.fromkeys(
            ("bytes", "bytearray", "memoryview"),
            "base64.b64encode(value).decode(), or return it alone in an AMLResponse",
        ),
        **dict.fromkeys(
            ("range", "generator", "map", "zip", "filter", "dict_keys", "dict_values"), _LIST
        ),
        **dict.fromkeys(("dict_items", "deque", "array"), _LIST),
        **dict.fromkeys(("mappingproxy", "UserDict", "ChainMap"), "dict(value)"),
        "BaseModel": "value.model_dump(mode='json')",
        "a dataclass": "dataclasses.asdict(value)",
        **dict.fromkeys(
            ("function", "method", "builtin_function_or_method"),
            "value(), with its arguments",
        ),
    }
)
_KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("bool_", "numpy.bool"), "bool(key)"),
        "integer": "int(key)",
        "floating": "float(key)",
        **dict.fromkeys(("Timestamp", "datetime", "date", "time"), "key.isoformat()"),
        "tuple": "str(key), or a dictionary within a dictionary",
        "bytes": "key.decode()",
        "Enum": "key.value",
    }
)
# For NumPy scalars a log has only the name.
_NUMBERS: Final = (
    ("uint", "integer"),
    ("int", "integer"),
    ("float", "floating"),
    ("bool", "bool_"),
)


def remedy_of(kinds: Sequence[str], *, is_key: bool = False) -> str:
    """Return what to write instead of a value, as a sentence.

    Parameters
    ----------
    kinds : Sequence[str]
        The names of its class and base classes, the nearest first; with or without their modules.
    is_key : bool
        Whether it is a key of an object.
    """
    table = _KEYS if is_key else _VALUES
    found = (table[name] for name in _names(kinds) if name in table)
    if written := next(found, "str(key)" if is_key else ""):
        return f"Write {written}."
    return "Return its content as plain values: dict, list, str, numbers, True, False and None."


def _names(kinds: Iterable[str]) -> Iterable[str]:
    for kind in kinds:
        name = kind.rpartition(".")[2]
        yield kind
        yield name
        bare = name.rstrip("0123456789_")
        yield from (above for begin, above in _NUMBERS if bare == begin != name)
