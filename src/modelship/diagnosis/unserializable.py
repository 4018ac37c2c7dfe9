"""What to write in place of a value that has no JSON form."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["remedy_of"]

_TEXT: Final = ".isoformat()"
_LIST: Final = "list(value)"
# Of what a class, or one above it, is called with and without its module: what to write.
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
            "value(), with what it is called on",
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
# Of NumPy's numbers a log has the name alone.
_NUMBERS: Final = (
    ("uint", "integer"),
    ("int", "integer"),
    ("float", "floating"),
    ("bool", "bool_"),
)


def remedy_of(kinds: Sequence[str], *, is_key: bool = False) -> str:
    """Return what to write in place of a value, as a sentence.

    Parameters
    ----------
    kinds : Sequence[str]
        The names of its class and of those above it, the nearest first; with their modules, or
        without.
    is_key : bool
        Whether it is a key of an object.
    """
    table = _KEYS if is_key else _VALUES
    found = (table[name] for name in _names(kinds) if name in table)
    if written := next(found, "str(key)" if is_key else ""):
        return f"Write {written}."
    return "Return what it holds as plain values: dict, list, str, numbers, True, False and None."


def _names(kinds: Iterable[str]) -> Iterable[str]:
    for kind in kinds:
        name = kind.rpartition(".")[2]
        yield kind
        yield name
        bare = name.rstrip("0123456789_")
        yield from (above for begin, above in _NUMBERS if bare == begin != name)
