"""Check that the tree nodes of a booster are consistent.

LightGBM and XGBoost follow the node indices in a file without checks, so a damaged or forged file
makes the process read memory outside the model, or loop forever.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["LEADS_ASTRAY", "SPLITS_OUTSIDE", "TreeCheck", "integers", "is_tree", "splits_within"]

LEADS_ASTRAY: Final = "a tree in it has a child outside of it, or a cycle"
SPLITS_OUTSIDE: Final = "a tree in it splits on a feature that it does not have"
_NO_NUMBER: Final = -(2**40)


class TreeCheck:
    """Checks the nodes of each XGBoost tree while the file is read."""

    _KEYS: Final = ("left_children", "right_children", "split_indices")

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._left: list[int] = []
        self._greatest, self._least = 0, 0
        self._astray = False

    def visit(self, key: str, numbers: Any) -> None:
        """Process the array of numbers under `key`, or their text."""
        if key not in self._KEYS:
            return
        self._seen[key] += 1
        found = integers(numbers.replace(b",", b" ")) if isinstance(numbers, bytes) else [*numbers]
        if key == "left_children":
            self._left = found
        elif key == "right_children":
            self._astray |= not is_tree(self._left, found)
        else:
            self._greatest = max(self._greatest, *found, 0)
            self._least = min(self._least, *found, 0)

    def problems(self, *, trees: Sequence[object], width: int) -> Iterator[str]:
        """Yield the problems as clauses; `trees` are those of the document."""
        if self._astray or any(self._seen[key] != len(trees) for key in self._KEYS):
            yield LEADS_ASTRAY
        if self._least < 0 or (trees and width and self._greatest >= width):
            yield SPLITS_OUTSIDE


def is_tree(left: Sequence[int], right: Sequence[int], *, leaf_is_negative: bool = False) -> bool:
    """Return whether every path from the first node is valid and reaches each node only once.

    Parameters
    ----------
    left, right : Sequence[int]
        The children of each node. In XGBoost, -1 is none; in LightGBM, negative ones are leaves:
        ``~leaf``, of which there is one more than nodes (`leaf_is_negative`).
    """
    if len(left) != len(right):
        return False
    least = -len(left) - 1 if leaf_is_negative else -1
    inner = [child for child in (*left, *right) if child >= 0]
    leads_within = all(least <= child < len(left) for child in (*left, *right))
    return leads_within and 0 not in inner and len(set(inner)) == len(inner)


def splits_within(features: Iterable[int], width: int) -> bool:
    """Return whether all of `features` exist in a model with `width` features."""
    return all(0 <= feature < width for feature in features)


def integers(text: bytes) -> list[int]:
    """Return the numbers in a text, or one number out of bounds if it contains anything else."""
    try:
        return list(map(int, text.split()))
    except ValueError:
        return [_NO_NUMBER]
