"""Work with texts that repeat: an object with ``texts``, and a code for each row; -1 is missing."""

from __future__ import annotations

from typing import Any

__all__ = ["count_unseen", "used_texts"]


def used_texts(coded: Any) -> tuple[list[Any], Any]:
    """Return the texts that occur, in the order of their first rows, and the codes of these."""
    import numpy as np

    texts, codes = [*coded.texts, None], coded.codes
    first, _, _ = _rows_of(coded)
    used = np.argsort(first, kind="stable")[: int((first < len(codes)).sum())]
    renamed = np.zeros(len(texts), dtype=np.intp)
    renamed[used] = np.arange(len(used))
    return [texts[at] for at in used], renamed[codes]


def _rows_of(coded: Any) -> tuple[Any, Any, Any]:
    """Return the first and the last row of each text, and how many it has; the last is missing."""
    import numpy as np

    codes, size = coded.codes, len(coded.texts) + 1
    rows = np.arange(len(codes))
    first, last = np.full(size, len(codes)), np.full(size, -1)
    first[codes[::-1]] = rows[::-1]  # of equal indices, the last one counts
    last[codes] = rows
    return first, last, np.bincount(codes + 1, minlength=size)[[*range(1, size), 0]]


def count_unseen(coded: Any, known: frozenset[Any]) -> tuple[int, Any]:
    """Return how many rows have a text that is not known, and the last one of them."""
    _, last, counts = _rows_of(coded)
    unseen = [at for at, text in enumerate(coded.texts) if counts[at] and text not in known]
    if not unseen:
        return 0, None
    return int(counts[unseen].sum()), coded.texts[max(unseen, key=lambda at: last[at])]
