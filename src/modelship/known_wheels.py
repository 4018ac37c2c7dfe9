"""List the Pythons for which releases have wheels, on Linux with a 64-bit x86 processor.

Advice has to be feasible: a release of 2020 has no wheel for a Python of 2022. The rows are derived
from the file names in the package index, as of November 2026.
"""

from __future__ import annotations

from typing import Final

from packaging.version import InvalidVersion, Version

__all__ = ["has_wheel", "nearest_python"]

# Since this release: the first and the last minor version of Python 3 with a wheel.
_WHEELS: Final = {
    "scikit-learn": (
        *(("0.19", 4, 6), ("0.20", 4, 7), ("0.21", 5, 7), ("0.22", 5, 8), ("0.23", 6, 8)),
        *(("0.24", 6, 9), ("1.0", 7, 9), ("1.0.2", 7, 10), ("1.1", 8, 10), ("1.1.3", 8, 11)),
        *(("1.3.1", 8, 12), ("1.4", 9, 12), ("1.5.2", 9, 13), ("1.7", 10, 13)),
        *(("1.7.2", 10, 14), ("1.8", 11, 14), ("1.9.1", 11, 15)),
    ),
    "numpy": (
        *(("1.17", 5, 7), ("1.17.3", 5, 8), ("1.19", 6, 8), ("1.19.3", 6, 9), ("1.20", 7, 9)),
        *(("1.21.2", 7, 10), ("1.22", 8, 10), ("1.23.2", 8, 11), ("1.25", 9, 11)),
        *(("1.26", 9, 12), ("2.1", 10, 13), ("2.3", 11, 13), ("2.3.2", 11, 14)),
        *(("2.5", 12, 14), ("2.5.2", 12, 15)),
    ),
    "scipy": (
        *(("1.3", 5, 7), ("1.3.2", 5, 8), ("1.5", 6, 8), ("1.5.4", 6, 9), ("1.6", 7, 9)),
        *(("1.7.2", 7, 10), ("1.8", 8, 10), ("1.9.2", 8, 11), ("1.11", 9, 11)),
        *(("1.11.2", 9, 12), ("1.14", 10, 12), ("1.14.1", 10, 13), ("1.16", 11, 13)),
        *(("1.16.1", 11, 14), ("1.18", 12, 14), ("1.18.1", 12, 15)),
    ),
    "onnxruntime": (
        *(("1.7", 6, 9), ("1.11", 7, 9), ("1.12", 7, 10), ("1.15", 8, 11), ("1.17", 8, 12)),
        *(("1.20", 10, 13), ("1.24.1", 11, 14)),
    ),
}
_OLDEST: Final = 8  # of the Python versions that services run on


def has_wheel(package: str, version: str, *, python: tuple[int, int]) -> bool:
    """Return whether a release has a wheel for a minor version of Python, as far as known.

    An unknown package counts as one that has; so does a Python newer than all known ones, if the
    release is of the newest row.
    """
    minors = _minors(package, version)
    return minors is None or python[1] in minors


def nearest_python(package: str, version: str, *, python: tuple[int, int]) -> str:
    """Return the Python nearest to `python` that a release has a wheel for, such as ``"3.8"``.

    Return ``""`` if it has none for a Python that services run on.
    """
    minors = _minors(package, version)
    if minors is None:
        return f"{python[0]}.{python[1]}"
    there = [each for each in minors if each >= _OLDEST]
    return f"3.{min(there, key=lambda each: abs(each - python[1]))}" if there else ""


def _minors(package: str, version: str) -> range | None:
    try:
        asked = Version(version)
    except InvalidVersion:
        return None
    rows = _WHEELS.get(package, ())
    found = [row for row in rows if Version(row[0]) <= asked]
    if not found:
        return range(0) if rows else None
    _, first, last = found[-1]
    newest = found[-1] == rows[-1] and asked > Version(rows[-1][0])
    return range(first, 100 if newest else last + 1)
