"""Arrays of numpy: a piece is a number of rows, those of the first axis."""

from __future__ import annotations

import tokenize
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa

from modelship.batch.row_files.row_format import Cut, CutByRows, ReadRows
from modelship.batch.row_files.row_texts import one_array

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["NPY", "NPZ"]

COLUMN = "data"
"""The name of the column of an array without a name."""
_ANOTHER = "name another output_format (--output-format), and another output folder"


@dataclass(frozen=True)
class _StoredArray:
    """An array in a file.

    Parameters
    ----------
    offset : int
        Where its values begin in the file.
    dtype : numpy.dtype
        The type of its values.
    shape : tuple[int, ...]
        Its shape.
    is_fortran : bool
        Whether the first index varies fastest.
    """

    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    is_fortran: bool

    @classmethod
    def of(cls, file: BinaryIO) -> _StoredArray:
        """Read the header of an array, at the position of a file."""
        version = np.lib.format.read_magic(file)
        read = {1: np.lib.format.read_array_header_1_0}.get(
            version[0], np.lib.format.read_array_header_2_0
        )
        try:
            shape, is_fortran, dtype = read(file)
        except (tokenize.TokenError, SyntaxError):
            raise ValueError("its header is damaged") from None
        if dtype.hasobject:
            raise ValueError("it has pickled objects, which could run code when they are read")
        if not shape:
            raise ValueError("it has one value, and rows are expected")
        return cls(file.tell(), dtype, shape, is_fortran and len(shape) > 1)

    def rows(self, file: BinaryIO, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Read some rows."""
        size = prod(self.shape[1:])
        if not self.is_fortran:
            found = self._values(file, start * size, (stop - start) * size)
            return found.reshape(stop - start, *self.shape[1:])
        columns = [
            self._values(file, at * self.shape[0] + start, stop - start) for at in range(size)
        ]
        whole = np.stack(columns, axis=-1) if columns else np.empty((stop - start, 0), self.dtype)
        return whole.reshape(stop - start, *self.shape[:0:-1]).transpose(
            0, *range(len(self.shape) - 1, 0, -1)
        )

    def _values(self, file: BinaryIO, first: int, count: int) -> np.ndarray[Any, Any]:
        file.seek(self.offset + first * self.dtype.itemsize)
        content = file.read(count * self.dtype.itemsize)
        if len(content) != count * self.dtype.itemsize:
            raise ValueError("it is truncated")
        return np.frombuffer(content, self.dtype, count)


class NpyRows(CutByRows):
    """One array, or several of the same length in an archive."""

    keeps_text = False

    def __init__(self, name: str, suffixes: tuple[str, ...]) -> None:
        self.name = name
        self.suffixes = suffixes

    def schema(self, file: BinaryIO) -> pa.Schema:
        arrays = self._arrays(file)
        parts = {name: _columns(name, array.rows(file, 0, 0)) for name, array in arrays.items()}
        return pa.schema([(k, v.type) for each in parts.values() for k, v in each.items()])

    def cuts(self, file: BinaryIO, *, piece_bytes: int) -> Sequence[Cut]:
        arrays = self._arrays(file)
        lengths = {name: array.shape[0] for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"its arrays have different lengths: {lengths}")
        count = next(iter(lengths.values()))
        row = sum(each.dtype.itemsize * prod(each.shape[1:]) for each in arrays.values())
        step = max(1, -(-piece_bytes // max(row, 1)))
        return [
            Cut(start, min(start + step, count), start, min(start + step, count) - start)
            for start in range(0, count, step)
        ]

    def types(
        self,
        file: BinaryIO,
        cut: Cut,  # noqa: ARG002 - the types are those of the file
        names: Sequence[str],
    ) -> pa.Schema:
        schema = self.schema(file)
        return pa.schema([schema.field(each) for each in names])

    def read(
        self,
        file: BinaryIO,
        cut: Cut,
        schema: pa.Schema,
        *,
        keep_text: bool = False,  # noqa: ARG002 - it has no text
    ) -> ReadRows:
        columns: dict[str, Any] = {}
        for name, array in self._arrays(file).items():
            if array.dtype.names or name in schema.names:
                columns |= _columns(name, array.rows(file, cut.start, cut.stop))
        held = [
            columns[field.name].cast(field.type)
            if field.name in columns
            else pa.nulls(cut.rows, field.type)
            for field in schema
        ]
        return ReadRows(pa.table(held, schema=schema))

    def write(self, table: pa.Table, file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
            for name, each in zip(table.column_names, table.columns, strict=True):
                member = zipfile.ZipInfo(f"{name}.npy")  # without the time: equal rows, equal bytes
                with archive.open(member, "w", force_zip64=True) as part:
                    np.lib.format.write_array(
                        part, _array(name, one_array(each)), allow_pickle=False
                    )

    def _arrays(self, file: BinaryIO) -> Mapping[str, _StoredArray]:
        file.seek(0)
        if self.name == "npy":
            return {COLUMN: _StoredArray.of(file)}
        try:
            return dict(_members(file))
        except zipfile.BadZipFile as error:
            raise ValueError(f"it is not an archive of arrays: {error}") from None


def _members(file: BinaryIO) -> Iterator[tuple[str, _StoredArray]]:
    with zipfile.ZipFile(file) as archive:
        for each in archive.infolist():
            if each.compress_type != zipfile.ZIP_STORED:
                raise ValueError("its arrays are compressed; write them with numpy.savez")
            file.seek(each.header_offset + 26)
            head = int.from_bytes(file.read(2), "little") + int.from_bytes(file.read(2), "little")
            file.seek(each.header_offset + 30 + head)
            yield each.filename.removesuffix(".npy"), _StoredArray.of(file)


def _columns(name: str, rows: np.ndarray[Any, Any]) -> dict[str, Any]:
    if rows.dtype.names:
        return {each: _column(rows[each]) for each in rows.dtype.names}
    return {name: _column(rows)}


def _column(rows: np.ndarray[Any, Any]) -> Any:
    """Return rows as an Arrow array: lists of fixed sizes, where a row has more than one value."""
    values = np.ascontiguousarray(rows.astype(rows.dtype.newbyteorder("="), copy=False))
    if values.dtype.kind == "c":
        raise ValueError("it has complex numbers")
    found = pa.array(values.reshape(-1))
    for size in reversed(values.shape[1:]):
        if not size:
            raise ValueError("its rows have no values")
        found = pa.FixedSizeListArray.from_arrays(found, size)
    return found


def _array(name: str, column: Any) -> np.ndarray[Any, Any]:
    """Return a column as an array that is read without pickle.

    Raises
    ------
    ValueError
        If it has none: lists of different sizes, texts that are missing, or integers that a float
        would round, next to one that is missing.
    """
    shape = [len(column)]
    values = column
    while pa.types.is_fixed_size_list(values.type):
        shape.append(values.type.list_size)
        values = values.flatten()
    found = _values_of(name, values)
    if found.dtype.hasobject:
        with suppress(ValueError):  # NumPy refuses lists of different lengths
            found = np.array(found.tolist())
    if found.dtype.hasobject or (found.dtype.kind == "U" and values.null_count):
        raise ValueError(f"the column {name!r} has no form in numpy; {_ANOTHER}")
    return found.reshape(*shape, *found.shape[1:])


def _values_of(name: str, values: Any) -> np.ndarray[Any, Any]:
    """Return the values of an Arrow array; a missing number is NaN."""
    if values.null_count and pa.types.is_integer(values.type):
        try:
            values = values.cast(pa.float64())
        except pa.ArrowInvalid:
            told = "has integers beyond 2^53 next to missing ones, which no array of numbers holds"
            raise ValueError(f"the column {name!r} {told}; {_ANOTHER}") from None
    found: np.ndarray[Any, Any] = values.to_numpy(zero_copy_only=False)
    if found.dtype.hasobject and 0 < len(values) == values.null_count:
        return np.full(len(values), np.nan)  # its type may be known, but there is no value of it
    return found


NPY = NpyRows("npy", (".npy",))
NPZ = NpyRows("npz", (".npz",))
