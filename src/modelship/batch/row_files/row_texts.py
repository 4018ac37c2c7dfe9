"""Write rows of text: as they were read, with the answers after them, or column by column."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

__all__ = [
    "TEXT",
    "CsvTexts",
    "RowTexts",
    "binaries",
    "chained",
    "csv_line",
    "csv_texts",
    "float_texts",
    "is_text",
    "one_array",
    "write_lines",
    "write_values",
]

TEXT: Final = pa.large_string()
"""The type of texts that are written: of any size together."""
_QUOTED: Final = '"'


@dataclass(frozen=True)
class RowTexts(ABC):
    """The rows of a piece as they are in the file.

    Parameters
    ----------
    rows : pyarrow.LargeBinaryArray
        The text of each row.
    """

    rows: Any

    def without(self, bad: Sequence[int]) -> Self:
        """Return the rows except for those at some positions."""
        if not bad:
            return self
        kept = np.ones(len(self.rows), bool)
        kept[list(bad)] = False
        return replace(self, rows=self.rows.filter(pa.array(kept)))

    def parts(self, spans: Iterable[tuple[int, int]]) -> Self:
        """Return the rows of some ranges, one after the other."""
        parts = [self.rows.slice(start, stop - start) for start, stop in spans]
        rows = parts[0] if len(parts) == 1 else pa.concat_arrays(parts)
        return replace(self, rows=rows)

    @abstractmethod
    def text(self, row: int) -> str:
        """Return one row."""

    @abstractmethod
    def write(self, answers: pa.Table, file: BinaryIO) -> None:
        """Write the rows, each followed by its answer, as a complete file."""


@dataclass(frozen=True)
class CsvTexts(RowTexts):
    """The rows of a piece of CSV, each after the line break that is before it in the file.

    Parameters
    ----------
    header : bytes
        The header, without a line break.
    delimiter : str
        What separates values.
    """

    header: bytes
    delimiter: str

    @classmethod
    def of_rows(cls, content: Any, stops: Any, *, header: bytes, delimiter: str) -> CsvTexts:
        """Return the rows of a piece, from where one ends to where the next one does."""
        return cls(binaries(content, np.append(0, stops)), header, delimiter)

    def text(self, row: int) -> str:
        content: bytes = self.rows[row].as_py()
        return content.strip(b"\r\n").decode(errors="replace")

    def write(self, answers: pa.Table, file: BinaryIO) -> None:
        names = dict(zip(answers.column_names, answers.columns, strict=True))
        separator = self.delimiter.encode()
        file.write(separator.join((self.header, csv_line(names, self.delimiter))))
        columns = [
            csv_texts(each, self.delimiter).cast(pa.large_binary()) for each in names.values()
        ]
        joined = pc.binary_join_element_wise(
            self.rows, *columns, pa.scalar(separator, pa.large_binary())
        )
        write_values(joined, file)
        file.write(b"\n")


def binaries(content: Any, offsets: Any) -> pa.LargeBinaryArray:
    """Return the parts of some bytes, each from one offset to the next, without a copy."""
    buffers = [None, pa.py_buffer(offsets.astype(np.int64)), pa.py_buffer(content)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def csv_line(values: Iterable[str], delimiter: str) -> bytes:
    """Return texts as a line of CSV, without a line break."""
    texts = pa.array(list(values), TEXT)
    return delimiter.encode().join(each.as_py().encode() for each in _quoted(texts, delimiter))


def csv_texts(column: pa.ChunkedArray, delimiter: str) -> Any:
    """Return values as they are written in CSV; what is missing is empty."""
    values = one_array(column)
    kind = values.type
    if pa.types.is_dictionary(kind):
        return csv_texts(values.cast(kind.value_type), delimiter)
    if is_text(kind):
        return _quoted(values.cast(TEXT), delimiter).fill_null("")
    if pa.types.is_floating(kind):
        return float_texts(values).fill_null("")
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        texts = [None if each is None else _json(each) for each in values.to_pylist()]
        return _quoted(pa.array(texts, TEXT), delimiter).fill_null("")
    return values.cast(TEXT).fill_null("")


def one_array(column: Any) -> Any:
    """Return the values of a column as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    chunks = column.chunks
    if len(chunks) == 1:
        return chunks[0]
    return pa.concat_arrays(chunks) if chunks else pa.array([], column.type)


def write_lines(columns: Sequence[Any], delimiter: str, file: BinaryIO) -> None:
    """Write the texts of columns as lines."""
    if len(columns) == 1:  # an empty line is no row
        columns = [pc.if_else(pc.equal(columns[0], ""), '""', columns[0])]
    joined = pc.binary_join_element_wise(*columns, pa.scalar(delimiter, TEXT))
    lines = chained(joined, "\n")
    write_values(lines, file)


def write_values(values: Any, file: BinaryIO) -> None:
    """Write texts, one after the other, from the memory in which they are."""
    if not len(values):
        return
    offsets = np.frombuffer(values.buffers()[1], np.int64)
    first, last = offsets[values.offset], offsets[values.offset + len(values)]
    file.write(memoryview(values.buffers()[2])[int(first) : int(last)])


def float_texts(values: Any) -> Any:
    """Return floats as texts that are read as floats: those of whole numbers have a point."""
    kind = pa.float32() if pa.types.is_float16(values.type) else values.type
    texts = values.cast(kind).cast(TEXT)
    are_whole = pc.match_substring_regex(texts, "^-?[0-9]+$")
    if not pc.any(are_whole).as_py():
        return texts
    return pc.if_else(are_whole, chained(texts, ".0"), texts)


def _quoted(texts: Any, delimiter: str) -> Any:
    """Return texts with quotes around those that need them: an empty one is not a missing one."""
    needs = pc.match_substring_regex(texts, f'["\\r\\n{_escaped(delimiter)}]|^$')
    if not pc.any(needs).as_py():
        return texts
    inner = pc.replace_substring(texts, _QUOTED, _QUOTED * 2)
    return pc.if_else(needs, chained(_QUOTED, inner, _QUOTED), texts)


def chained(*parts: Any, kind: Any = TEXT) -> Any:
    """Return texts that are joined without a separator; one that is the same in all is a str."""
    texts = [pa.scalar(each, kind) if isinstance(each, str) else each for each in (*parts, "")]
    return pc.binary_join_element_wise(*texts)


def _escaped(delimiter: str) -> str:
    return "\\t" if delimiter == "\t" else delimiter


def is_text(kind: pa.DataType) -> bool:
    """Return whether the values of a type are texts."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view"
    )


def _json(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)
