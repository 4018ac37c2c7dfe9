"""Define Kind: what the manifest notes of the type of a column of answers, as a text.

From these texts alone the type of a column in all pieces is known.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from modelship.batch.answer_types import JSON, WHOLE
from modelship.batch.answer_values import type_of_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Kind", "common_kinds", "kind_named", "kind_noted"]

_AS_JSON: Final = "json "
_NOT_NEGATIVE: Final = " >= 0"
_MIXED: Final = "mixed"
_LIST, _STRUCT = "list", "struct"


@dataclass(frozen=True)
class Kind:
    """The type of a column, and how the output of a piece has its values for now.

    Parameters
    ----------
    type : pyarrow.DataType, optional
        The type of its values; None if they have none in common.
    is_json : bool
        Whether they are written as JSON texts, because their type would not say how they were
        spelled: they are written again once the type of all pieces is known.
    is_unsigned : bool
        Whether they are signed whole numbers, and none is negative.
    """

    type: pa.DataType | None
    is_json: bool = False
    is_unsigned: bool = False

    @property
    def text(self) -> str:
        """It as a text, such as ``"double"``, ``"int64 >= 0"`` or ``"json mixed"``."""
        document = _document(self.type)
        name = document if isinstance(document, str) else json.dumps(document)
        return _AS_JSON * self.is_json + name + _NOT_NEGATIVE * self.is_unsigned

    @property
    def column_type(self) -> pa.DataType:
        """The type of a column that was read from the output of the piece."""
        return JSON if self.is_json or self.type is None else self.type


def kind_noted(column: pa.ChunkedArray, *, is_item: bool) -> Kind:
    """Return the kind of a column of answers, or of items of lists in these."""
    is_signed = pa.types.is_signed_integer(column.type)
    least = pc.min(column).as_py() if is_signed else None
    return Kind(
        type_of_column(column, is_item=is_item),
        column.type == JSON,
        is_signed and (least or 0) >= 0,
    )


def kind_named(text: str) -> Kind:
    """Return the kind that a text says."""
    name = text.removeprefix(_AS_JSON).removesuffix(_NOT_NEGATIVE)
    kind = _type_in(json.loads(name) if name.startswith("[") else name)
    return Kind(kind, text.startswith(_AS_JSON), text.endswith(_NOT_NEGATIVE))


def common_kinds(kinds: Sequence[Kind]) -> Iterable[pa.DataType | None]:
    """Yield types that join to that of all values: unsigned ones next to uint64 are like these."""
    has_unsigned = pa.uint64() in {each.type for each in kinds}
    for each in kinds:
        yield pa.uint64() if has_unsigned and each.is_unsigned else each.type


def _document(kind: pa.DataType | None) -> Any:
    if kind is None:
        return _MIXED
    if pa.types.is_list(kind):
        return [_LIST, _document(kind.value_type)]
    if pa.types.is_struct(kind):
        return [_STRUCT, {each.name: _document(each.type) for each in kind}]
    return str(kind)


def _type_in(document: Any) -> pa.DataType | None:
    if document == _MIXED:
        return None
    if document == str(WHOLE):
        return WHOLE
    if isinstance(document, str):
        return pa.type_for_alias(document)
    what, parts = document
    if what == _LIST:
        return pa.list_(_type_in(parts))
    return pa.struct([(name, _type_in(each)) for name, each in parts.items()])
