"""Parse the outline of a JSON document: everything except long arrays of numbers.

Such arrays are almost the whole size of a tree model, and parsing them takes twenty times the
memory of the file.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from modelship.sources._stream import EndedEarlyError, MalformedError, UndescribedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from modelship.sources._budget import Budget

__all__ = ["read_outline"]

# A text, or an array of numbers (also of null, and of NaN and the infinities, which are not JSON).
_PIECE: Final = re.compile(rb'"[^"\\]*(?:\\[\s\S][^"\\]*)*"|\[[-+\d.eE,\sNaInfityul]+\]')
_MAX_OUTLINE_BYTES: Final = 64 * 2**20
_MAX_MARKS: Final = 4_000_000
_MARKS: Final = (b",", b":", b"[", b"{")
_SHORT: Final = 100
_BETWEEN_CHECKS: Final = 256


def read_outline(
    content: Any, budget: Budget, *, keep: Collection[str], visit: Callable[[str, bytes], None]
) -> Any:
    """Read a JSON document, with an empty array in place of each long one of numbers.

    Parameters
    ----------
    content : buffer of bytes
        The document.
    budget : Budget
        The budget to use.
    keep : Collection[str]
        Keys whose arrays are kept.
    visit : Callable[[str, bytes], None]
        Called with the key of each array of numbers, and the text between its brackets.

    Raises
    ------
    EndedEarlyError
        If the document is truncated.
    MalformedError
        If it is not JSON.
    UndescribedError
        If it takes too long, or if the rest is larger or nested deeper than in a model.
    """
    outline = b"".join(_pieces(content, budget, frozenset(map(str.encode, keep)), visit))
    if len(outline) > _MAX_OUTLINE_BYTES or sum(map(outline.count, _MARKS)) > _MAX_MARKS:
        raise UndescribedError("it has too many parts for a model")
    if not outline.rstrip().endswith(b"}"):
        raise EndedEarlyError("its JSON document")
    try:
        document = json.loads(outline)
    except RecursionError:
        raise UndescribedError("it is nested too deeply for a model") from None
    except ValueError as error:
        raise MalformedError(f"it is not JSON ({error})") from None
    return document


def _pieces(
    content: Any, budget: Budget, keep: frozenset[bytes], visit: Callable[[str, bytes], None]
) -> Any:
    at, key = 0, b""
    size_bytes = 0
    for count, match in enumerate(_PIECE.finditer(content)):
        if count % _BETWEEN_CHECKS == 0:
            budget.take_time()
        piece = match[0]
        if piece.startswith(b'"'):
            key = piece[1:-1]
            continue
        visit(key.decode("utf-8", "replace"), piece[1:-1])
        if key not in keep and len(piece) > _SHORT:
            yield bytes(content[at : match.start()]) + b"[]"
            size_bytes += match.start() - at
            at = match.end()
        if size_bytes > _MAX_OUTLINE_BYTES:
            raise UndescribedError("it has too many parts for a model")
    yield bytes(content[at : at + _MAX_OUTLINE_BYTES + 1])
