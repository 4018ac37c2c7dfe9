"""Score several requests in one call: merge their arguments, and split the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CannotMerge", "CannotSplit", "merge", "split"]


class CannotMerge(Exception):  # noqa: N818 - not an error: the requests are scored one by one
    """These requests cannot be scored together."""


class CannotSplit(Exception):  # noqa: N818 - not an error: the requests are scored one by one
    """A result cannot be divided among the requests."""


def merge(
    requests: Sequence[dict[str, Any]],
) -> tuple[dict[str, Any], list[int]]:
    """Merge the arguments of several requests, to be scored in one call.

    Parameters
    ----------
    requests : sequence of dict
        The arguments of each, as read by a plan. Arrays are concatenated along the first dimension;
        everything else must be equal.

    Returns
    -------
    tuple
        The arguments, and the number of rows of each request.

    Raises
    ------
    CannotMerge
        If their arrays differ in dtype or in any dimension but the first, if the arrays of one
        request differ in their number of rows, or if another argument differs.
    """
    rows: list[list[int]] = []
    first, *others = requests
    merged = {
        name: _together([value, *(each[name] for each in others)], rows)
        for name, value in first.items()
    }
    if not rows or any(each != rows[0] for each in rows):
        raise CannotMerge
    return merged, rows[0]


def _together(values: list[Any], rows: list[list[int]]) -> Any:
    """Return one value for all; append the number of rows of each array to `rows`."""
    import numpy as np

    first = values[0]
    if type(first) is np.ndarray:
        try:
            merged = np.concatenate(values, dtype=first.dtype, casting="no")
        except (TypeError, ValueError) as error:
            raise CannotMerge from error
        rows.append([len(each) for each in values])
        return merged
    if type(first) is dict:
        if any(type(each) is not dict or each.keys() != first.keys() for each in values):
            raise CannotMerge
        return {key: _together([each[key] for each in values], rows) for key in first}
    if any(
        each is not first and (type(each) is not type(first) or each != first) for each in values
    ):
        raise CannotMerge
    return first


def split(result: Any, counts: Sequence[int]) -> list[Any]:
    """Return each request's part of the result of run() for all of them.

    Parameters
    ----------
    result : numpy.ndarray, list, tuple or dict
        A sequence with one item per row, or a dict of such.
    counts : sequence of int
        The number of rows of each request, in order.

    Raises
    ------
    CannotSplit
        If `result` is anything else.
    """
    if type(result) is dict:
        parts: list[dict[Any, Any]] = [{} for _ in counts]
        for key, value in result.items():
            for part, rows in zip(parts, split(value, counts), strict=True):
                part[key] = rows
        return parts
    is_rows = type(result) in {list, tuple} or (hasattr(result, "dtype") and result.ndim > 0)
    if not is_rows or len(result) != sum(counts):
        raise CannotSplit
    found, start = [], 0
    for count in counts:
        found.append(result[start : start + count])
        start += count
    return found
