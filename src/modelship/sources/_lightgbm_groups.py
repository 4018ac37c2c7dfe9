"""Read the pandas categories of a LightGBM model's columns.

Its files list the categories of each such column, in the order of the columns, but not which
columns these are. LightGBM treats columns of ordered categories as numbers, and columns of numbers
may be declared categorical, so the columns listed as categorical may differ from the categorical
columns of pandas. The training statistics of each column tell more: ``feature_infos`` has the codes
of a categorical column (``0:2:1``), the range of a numeric one (``[0:2]``), and ``none`` for a
column that is not used in splits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["matched_groups", "may_have_categories"]

_CODES: Final = re.compile(r"-?[0-9]{1,9}(?::-?[0-9]{1,9})*")
_RANGE: Final = re.compile(r"\[(?:0|[1-9][0-9]{0,8}):([0-9]{1,9})\]")
_UNUSED: Final = "none"
_NEVER: Final = 10**9


def matched_groups(
    infos: Sequence[str], sizes: Sequence[int], *, declared: Collection[int] = ()
) -> Mapping[int, int] | None:
    """Return the group of categories of each column; None if it cannot be determined.

    Parameters
    ----------
    infos : Sequence[str]
        The training statistics of each column, as in ``feature_infos``.
    sizes : Sequence[int]
        The number of categories in each group.
    declared : Collection[int]
        The columns that LightGBM treats as categorical, if the file lists them.
    """
    greatest = [_greatest_code(info) for info in infos]
    codes = [at for at, info in enumerate(infos) if _CODES.fullmatch(info)]
    places = sorted(declared or codes)
    if len(places) == len(sizes):
        seen = [greatest[at] if at in codes else 0 for at in places]
        if all(code < size for code, size in zip(seen, sizes, strict=True)):
            return {at: group for group, at in enumerate(places)}
    first = _placed(sizes, enumerate(greatest))
    last = _placed(sizes[::-1], reversed([*enumerate(greatest)]))
    is_only_way = first is not None and last is not None and first == last[::-1]
    return {at: group for group, at in enumerate(first or ())} if is_only_way else None


def may_have_categories(info: str, sizes: Sequence[int]) -> bool:
    """Return whether a column with these statistics may be a categorical column of pandas."""
    return _greatest_code(info) < max(sizes, default=0)


def _greatest_code(info: str) -> int:
    """Return the highest code of a column; higher than any code if it has no codes."""
    if info == _UNUSED:
        return -1
    if _CODES.fullmatch(info):
        return max(map(int, info.split(":")))
    match = _RANGE.fullmatch(info)
    return int(match[1]) if match else _NEVER


def _placed(sizes: Sequence[int], greatest: Iterable[tuple[int, int]]) -> list[int] | None:
    """Return the columns of the groups if each group takes the next column that matches."""
    found: list[int] = []
    for at, code in greatest:
        if len(found) < len(sizes) and code < sizes[len(found)]:
            found.append(at)
    return found if len(found) == len(sizes) else None
