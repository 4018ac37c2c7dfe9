"""Write rows as JSON lines: as they were read, with the answers added, or column by column."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelship.batch.row_files.row_texts import (
    TEXT,
    RowTexts,
    binaries,
    chained,
    float_texts,
    is_text,
    one_array,
    write_values,
)

__all__ = ["JsonTexts", "json_columns"]

_TO_ESCAPE: Final = '["\\\\\\x00-\\x1f]'


@dataclass(frozen=True)
class JsonTexts(RowTexts):
    """The rows of a piece of JSON lines: each object without the brace that ends it."""

    @classmethod
    def of_spans(cls, content: Any, starts: Any, stops: Any) -> JsonTexts:
        """Return the rows that begin and end at some positions."""
        content = np.frombuffer(content, np.uint8)
        stops = stops - 1
        for at in np.flatnonzero(content[stops] != ord("}")):
            row = content[starts[at] : stops[at] + 1].tobytes()
            stops[at] = starts[at] + max(len(row.rstrip()) - 1, 0)
        are_kept = np.zeros(len(content) + 1, np.int8)
        are_kept[starts] += 1
        are_kept[stops] -= 1
        held = content[np.cumsum(are_kept[:-1], dtype=np.int8).view(bool)]
        return cls(binaries(held, np.append(0, np.cumsum(stops - starts))))

    def text(self, row: int) -> str:
        return self._object(row).decode(errors="replace")

    def write(self, answers: pa.Table, file: BinaryIO) -> None:
        # The answer is the last values of the object.
        kind = pa.large_binary()
        ends = self._ends(answers).cast(kind)
        are_empty = pc.ends_with(self.rows, "{")
        separators = pc.if_else(are_empty, pa.scalar(b"", kind), pa.scalar(b", ", kind))
        write_values(chained(self.rows, separators, ends, kind=kind), file)

    def _ends(self, answers: pa.Table) -> Any:
        """Return answers as objects, under other names in rows that have a value of the name."""
        lines = json_columns(answers, begins="")
        names = answers.column_names
        found = [pc.match_substring(self.rows, json.dumps(each)) for each in names]
        any_of = np.any([each.to_numpy(zero_copy_only=False) for each in found], 0)
        rows = np.flatnonzero(any_of).tolist()
        held = {at: set(json.loads(self._object(at))) & {*names} for at in rows}
        if not any(held.values()):
            return lines
        texts = lines.to_pylist()
        for at, taken in held.items():
            [values] = answers.slice(at, 1).to_pylist()
            named = {
                f"{name}_scored" if name in taken else name: None if each != each else each  # noqa: PLR0124 - NaN
                for name, each in values.items()
            }
            texts[at] = _json(named)[1:] + "\n"
        return pa.array(texts, TEXT)

    def _object(self, row: int) -> bytes:
        content: bytes = self.rows[row].as_py()
        return content + b"}"


def json_columns(table: pa.Table, *, begins: str = "{") -> Any:
    """Return the rows of a table as lines of JSON, with what an object begins with."""
    parts: list[Any] = []
    for at, name in enumerate(table.column_names):
        parts.append(f"{', ' if at else begins}{json.dumps(name, ensure_ascii=False)}: ")
        parts.append(_texts(one_array(table.column(at))))
    return chained(*parts, "}\n")


def _texts(values: Any) -> Any:
    """Return values as JSON."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _texts(values.cast(kind.value_type))
    if pa.types.is_floating(kind):
        are_finite = pc.is_finite(values)
        texts = pc.if_else(are_finite, float_texts(values), pa.scalar(None, TEXT))
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        texts = values.cast(TEXT)
    elif is_text(kind):
        texts = _quoted(values.cast(TEXT))
    else:
        texts = pa.array([_json(each) for each in values.to_pylist()], TEXT)
    return texts.fill_null("null")


def _quoted(texts: Any) -> Any:
    if pc.any(pc.match_substring_regex(texts, _TO_ESCAPE)).as_py():
        return pa.array([None if each is None else _json(each) for each in texts.to_pylist()], TEXT)
    return chained('"', texts, '"')


def _json(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)
