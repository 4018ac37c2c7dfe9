"""Store a text in the tags of a resource in Azure, whose values are short, and read it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.targets.history import packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOST_CHARACTERS", "as_tags", "from_tags"]

MOST_CHARACTERS: Final = 250
"""How much of a text goes into the value of one tag: Azure accepts 256 characters."""


def as_tags(name: str, text: str) -> dict[str, str]:
    """Return a text as the tag `name`, with the number of pieces, and one tag for each piece."""
    whole = packed(text)
    starts = range(0, len(whole), MOST_CHARACTERS)
    pieces = [whole[start : start + MOST_CHARACTERS] for start in starts]
    return {
        name: str(len(pieces)),
        **{f"{name}.{count}": piece for count, piece in enumerate(pieces)},
    }


def from_tags(name: str, tags: Mapping[str, str]) -> bytes:
    """Return the text of :func:`as_tags`.

    Raises
    ------
    KeyError
        If a tag is missing.
    ValueError
        If the tags are invalid, or the text is too long.
    """
    return unpacked("".join(tags[f"{name}.{each}"] for each in range(int(tags[name]))))
