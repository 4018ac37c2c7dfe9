"""Compare JSON values, and find where they first differ."""

from __future__ import annotations

import json
import math
import re
from enum import Enum
from typing import Any, Final, TypeAlias

__all__ = ["ABSENT", "Absent", "Path", "are_equal", "at", "first_difference", "written"]


class Absent(Enum):
    """Marker for a missing value; its type is not that of any JSON value."""

    ABSENT = "(absent)"


ABSENT: Final = Absent.ABSENT

Path: TypeAlias = tuple[str | int, ...]
"""The keys and positions that lead to a part of a value."""

_PLAIN: Final = re.compile(r"[A-Za-z_]\w*")


def are_equal(one: Any, other: Any, *, tolerance: float = 0.0) -> bool:
    """Return whether two JSON values are equal, as defined by :func:`first_difference`."""
    return first_difference(one, other, tolerance=tolerance) is None


def first_difference(one: Any, other: Any, *, tolerance: float = 0.0) -> Path | None:
    """Return the path to the first part in which two JSON values differ; None if they are equal.

    Types count: 1 is neither 1.0 nor true. NaN equals NaN. The order of keys does not count.

    Parameters
    ----------
    one, other : JSON value or bytes
        The values to compare.
    tolerance : float
        The allowed difference of two floats, absolute or relative to the larger (as in
        :func:`math.isclose`). 0 allows none.
    """
    # No recursion: a body may be nested deeply. The path to a part is a linked list.
    waiting: list[tuple[Any, Any, Any]] = [(one, other, None)]
    while waiting:
        left, right, way = waiting.pop()
        if type(left) is not type(right):
            return _unlinked(way)
        if isinstance(left, dict):
            keys = [*left, *(key for key in right if key not in left)]
            parts = [(left.get(k, ABSENT), right.get(k, ABSENT), (way, k)) for k in keys]
            waiting.extend(reversed(parts))
        elif isinstance(left, list):
            shared = min(len(left), len(right))
            if len(left) != len(right):
                waiting.append((ABSENT, None, (way, shared)))
            pairs = zip(left[:shared], right[:shared], strict=True)
            parts = [(a, b, (way, number)) for number, (a, b) in enumerate(pairs)]
            waiting.extend(reversed(parts))
        elif not _is_close(left, right, tolerance=tolerance):
            return _unlinked(way)
    return None


def at(value: Any, path: Path) -> Any:
    """Return the part of a value at `path`; ABSENT if there is none."""
    for key in path:
        is_there = (isinstance(value, dict) and key in value) or (
            isinstance(value, list) and isinstance(key, int) and key < len(value)
        )
        if not is_there:
            return ABSENT
        value = value[key]
    return value


def written(path: Path) -> str:
    """Return a path as text: ``.result[3]["a key"]``."""
    return "".join(
        f".{key}" if isinstance(key, str) and _PLAIN.fullmatch(key) else f"[{json.dumps(key)}]"
        for key in path
    )


def _is_close(one: Any, other: Any, *, tolerance: float) -> bool:
    if not isinstance(one, float):
        return bool(one == other)
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)


def _unlinked(way: Any) -> Path:
    found: list[str | int] = []
    while way is not None:
        way, key = way
        found.append(key)
    return tuple(reversed(found))
