"""Work with texts that repeat: an object with ``texts``, and a code for each row; -1 is missing."""

from __future__ import annotations

from typing import Any

__all__ = ["count_unseen", "used_texts"]


def used_texts(coded: Any) -> tuple[list[Any], Any]:
    """Return the texts that occur, in the order of their first rows, and the codes of these."""
    import numpy as np

    texts, codes = [*coded.texts, None], coded.codes
    first = np.full(len(texts), len(codes))
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # of equal indices, the last one counts
    used = np.argsort(first, kind="stable")[: int((first < len(codes)).sum())]
    renamed = np.zeros(len(texts), dtype=np.intp)
    renamed[used] = np.arange(len(used))
    return [texts[at] for at in used], renamed[codes]


def count_unseen(coded: Any, known: frozenset[Any]) -> tuple[int, Any]:
    """Return how many rows have a text that is not known, and the last one of them."""
    import numpy as np

    strange = [at for at, text in enumerate(coded.texts) if text not in known]
    if not strange:
        return 0, None
    codes, size = coded.codes, len(coded.texts) + 1
    counts = np.bincount(codes + 1, minlength=size)[1:]
    unseen = [at for at in strange if counts[at]]
    if not unseen:
        return 0, None
    last = np.full(size, -1)
    last[codes] = np.arange(len(codes))
    return int(counts[unseen].sum()), coded.texts[max(unseen, key=lambda at: last[at])]
