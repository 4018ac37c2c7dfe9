"""Define FrozenMapping: an immutable mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

__all__ = ["FrozenMapping"]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class FrozenMapping(Mapping[_Key, _Value]):
    """A mapping that nobody changes: it can be hashed, copied and pickled as its content can.

    Parameters
    ----------
    content : Mapping
        What is in it; a copy is made. The order does not count when two are compared.
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
