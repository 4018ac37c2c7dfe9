"""The calls that are the same for each kind of asset, and what all kinds have in common."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from modelship.testing.offline.json_exchange import optional

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelship.testing.offline.offline_app import Call

__all__ = ["PROPERTIES", "for_each_kind"]

_KIND: Final = "KIND"

PROPERTIES: Final = {
    "description": optional(str),
    "tags": optional(dict),
    "properties": optional(dict),
    "isArchived": optional(bool),
    "isAnonymous": optional(bool),
}
"""The properties that an asset of any kind may have, and their shapes."""


def for_each_kind(calls: Iterable[Call], kinds: Iterable[str]) -> list[Call]:
    """Return calls, one for each kind where their names have the word ``KIND``.

    So a fault can name the calls of one kind. Their answers get the argument ``kind``.
    """
    kinds = tuple(kinds)
    return [
        replace(
            call,
            name=call.name.replace(_KIND, kind),
            path=call.path.replace(_KIND, kind),
            answer=partial(call.answer, kind=kind) if _KIND in call.name else call.answer,
        )
        for call in calls
        for kind in (kinds if _KIND in call.name else ("",))
    ]
