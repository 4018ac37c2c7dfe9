"""Name the columns of the items of lists. Both sides use this module."""

from __future__ import annotations

__all__ = ["item_names"]


def item_names(name: str, width: int) -> list[str]:
    """Return the names of the columns of lists of some length; one item has the name of the lists.

    Parameters
    ----------
    name : str
        The name of the column of lists.
    width : int
        The length of each list.
    """
    return [name] if width == 1 else [f"{name}_{at}" for at in range(width)]
