"""Define FrozenMapping: an immutable mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

__all__ = ["FrozenMapping"]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class FrozenMapping(Mapping[_Key, _Value]):
    """An immutable mapping: it can be hashed, copied and pickled if its items can.

    Parameters
    ----------
    content : Mapping
        The items, which are copied. Two mappings with the same items in another order are equal.
    """

    __slots__ = ("_content",)

    def __init__(self, content: Mapping[_Key, _Value]) -> None:
        self._content = dict(content)

    def __getitem__(self, key: _Key) -> _Value:
        return self._content[key]

    def __iter__(self) -> Iterator[_Key]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def __hash__(self) -> int:
        return hash(frozenset(self._content.items()))

    def __repr__(self) -> str:
        return repr(self._content)

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenMapping, (self._content,)
