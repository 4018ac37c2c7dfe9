"""Count what a job predicted, from the files of its output, one batch of rows at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["Bar", "Histogram", "histograms"]

_MOST_LABELS: Final = 25
_MOST_COUNTED: Final = 10_000
_FINE: Final = 64
_SHOWN: Final = 32
_PROBABILITY: Final = "probability_"
_DIGITS: Final = 4
_EXACT: Final = 1e15


@dataclass(frozen=True)
class Bar:
    """How many rows have a value, or one in a range.

    Parameters
    ----------
    label : str
        The value, or where the range begins and ends.
    rows : int
        How many there are.
    """

    label: str
    rows: int


@dataclass(frozen=True)
class Histogram:
    """The values of one column of the answers.

    Parameters
    ----------
    name : str
        The column.
    is_range : bool
        Whether the bars are ranges of numbers, in their order; else they are values, the most
        frequent first.
    bars : tuple[Bar, ...]
        The bars.
    others : int
        The rows with other values, which are too many to show.
    missing : int
        The rows without a value.
    """

    name: str
    is_range: bool
    bars: tuple[Bar, ...]
    others: int = 0
    missing: int = 0

    @property
    def most(self) -> int:
        """The rows of the largest bar; at least 1."""
        return max(1, *(each.rows for each in self.bars)) if self.bars else 1


def histograms(tables: Iterable[pa.Table]) -> tuple[Histogram, ...]:
    """Return the histogram of each column, in their order.

    Numbers with at most 25 values are counted by value; others by ranges. Those of columns whose
    names begin with ``probability_`` are between 0 and 1.
    """
    columns: dict[str, _Column] = {}
    for table in tables:
        for name in table.column_names:
            columns.setdefault(name, _Column(name)).add(table.column(name))
    return tuple(each.histogram for each in columns.values())


class _Column:
    """Counts the values of a column as long as there are few, and then by ranges."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._counts: Counter[Any] = Counter()
        self._ranges = _Ranges(0.0, 1.0) if name.startswith(_PROBABILITY) else None
        self._missing = 0
        self._others = 0

    def add(self, values: pa.ChunkedArray) -> None:
        """Count some values."""
        self._missing += values.null_count
        values = values.drop_null()
        if pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
            self._add_numbers(values.to_numpy().astype("float64"))
        else:
            self._add_counts(_as_text(values))

    def _add_numbers(self, numbers: NDArray[Any]) -> None:
        finite = numbers[np.isfinite(numbers)]
        self._missing += len(numbers) - len(finite)
        if self._ranges is None:
            found, counts = np.unique(finite, return_counts=True)
            self._counts.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
            if len(self._counts) <= _MOST_LABELS:
                return
            known = np.array([each for each in self._counts if isinstance(each, float)])
            self._ranges = _Ranges(known.min(), known.max())
            self._ranges.add(known, [self._counts[each] for each in known.tolist()])
        else:
            self._ranges.add(finite)

    def _add_counts(self, values: pa.ChunkedArray) -> None:
        for each in pc.value_counts(values).to_pylist():
            if each["values"] in self._counts or len(self._counts) < _MOST_COUNTED:
                self._counts[each["values"]] += each["counts"]
            else:
                self._others += each["counts"]

    @property
    def histogram(self) -> Histogram:
        """What was counted."""
        if self._ranges is not None:
            return Histogram(
                self._name, is_range=True, bars=self._ranges.bars, missing=self._missing
            )
        common = self._counts.most_common(_MOST_LABELS)
        others = sum(self._counts.values()) - sum(rows for _, rows in common) + self._others
        bars = tuple(Bar(_label(value), rows) for value, rows in common)
        return Histogram(
            self._name, is_range=False, bars=bars, others=others, missing=self._missing
        )


class _Ranges:
    """Counts numbers in ranges of equal width; all are widened for a number beyond them."""

    def __init__(self, low: float, high: float) -> None:
        self._low = low
        self._width = max(high - low, abs(low) * 1e-9, 1e-300) / _FINE
        self._counts = np.zeros(_FINE, "int64")

    def add(self, numbers: NDArray[Any], counts: Sequence[int] | None = None) -> None:
        """Count some numbers."""
        if not len(numbers):
            return
        while numbers.max() > self._high:
            self._widen(at_end=True)
        while numbers.min() < self._low:
            self._widen(at_end=False)
        place = np.minimum((numbers - self._low) // self._width, _FINE - 1).astype("int64")
        self._counts += np.bincount(place, counts, minlength=_FINE).astype("int64")

    @property
    def _high(self) -> float:
        return self._low + self._width * _FINE * (1 + 1e-12)

    def _widen(self, *, at_end: bool) -> None:
        halves = self._counts.reshape(-1, 2).sum(axis=1)
        empty = np.zeros(_FINE // 2, "int64")
        if not at_end:
            self._low -= self._width * _FINE
        self._width *= 2
        self._counts = np.concatenate([halves, empty] if at_end else [empty, halves])

    @property
    def bars(self) -> tuple[Bar, ...]:
        """The ranges from the first to the last that has a number, two of them in one bar."""
        counts, width = self._counts, self._width
        while np.count_nonzero(counts) and _spread(counts) > _SHOWN:
            counts, width = counts.reshape(-1, 2).sum(axis=1), width * 2
        used = np.flatnonzero(counts)
        first, last = (used[0], used[-1]) if len(used) else (0, -1)
        edges = [self._low + width * at for at in range(first, last + 2)]
        return tuple(
            Bar(f"{_label(edges[at])} to {_label(edges[at + 1])}", int(rows))
            for at, rows in enumerate(counts[first : last + 1])
        )


def _spread(counts: NDArray[Any]) -> int:
    used = np.flatnonzero(counts)
    return int(used[-1] - used[0] + 1)


def _as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return values.cast(pa.string())
    return pa.chunked_array([pa.array([str(each) for each in values.to_pylist()], pa.string())])


def _label(value: object) -> str:
    if isinstance(value, float):
        return (
            f"{value:.0f}" if value.is_integer() and abs(value) < _EXACT else f"{value:.{_DIGITS}g}"
        )
    return str(value)
