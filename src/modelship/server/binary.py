"""Read and write arrays in NumPy's ``.npy`` format.

No size in a body is trusted before it is compared with the body's length, so that allocations are
at most a small multiple of the bytes sent. The format is that of NEP 1; ``numpy.lib.format`` reads
and writes its headers.
"""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, np.dtype[Any]]

__all__ = ["BadBody", "CannotWrite", "npy_array", "plain_array", "write_npy"]

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER_BYTES = 10_000  # NumPy's own limit
_WIDEST_BYTES = 8


class BadBody(Exception):  # noqa: N818 - it is the client's error, and an answer
    """A body cannot be read.

    Attributes
    ----------
    status : int
        The HTTP status of the response.
    message : str
        The error message for the client.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


class CannotWrite(Exception):  # noqa: N818 - not an error: the answer is written as JSON
    """A result is not an array that the format supports."""


def npy_array(body: bytes) -> Numbers:
    """Return the array in `body`, in the npy format; read-only, since it shares its memory.

    Raises
    ------
    BadBody
        If it is not npy of version 1 or 2, contains anything but booleans, integers or floats of at
        most 64 bits, or its length does not match its header.
    """
    import numpy as np

    if body[:6] != _MAGIC:
        raise BadBody(400, "The body is not in the npy format.")
    # Version 1 has two bytes for the length of the header, the others four.
    if body[6:7] == b"\x01":
        start = 10 + int.from_bytes(body[8:10], "little")
    else:
        start = 12 + int.from_bytes(body[8:12], "little")
    if start > min(_LONGEST_HEADER_BYTES, len(body)):
        raise BadBody(400, "The header of the npy body is too long.")
    dtype, shape, count, is_fortran = _npy_header(body[:start])
    if len(body) - start != count * dtype.itemsize:
        raise BadBody(
            400,
            f"The npy body holds {len(body) - start} bytes of data; an array of the type {dtype} "
            f"and the shape {shape} has {count * dtype.itemsize}.",
        )
    array: Numbers = np.frombuffer(body, dtype, count, start)
    try:
        array = array.reshape(shape, order="F" if is_fortran else "C")
    except (ValueError, OverflowError):  # more dimensions or items than NumPy can count
        raise BadBody(400, "The shape of the npy body is invalid.") from None
    return array if dtype.isnative else array.astype(dtype.newbyteorder("="))


@lru_cache(maxsize=256)
def _npy_header(header: bytes) -> tuple[np.dtype[Any], tuple[int, ...], int, bool]:
    """Return the dtype, the shape, its product, and whether it is in Fortran order."""
    from numpy.lib import format as npy

    readers = {b"\x01\x00": npy.read_array_header_1_0, b"\x02\x00": npy.read_array_header_2_0}
    read = readers.get(header[6:8])
    if read is None:
        raise BadBody(400, "The npy body is not of the version 1.0 or 2.0.")
    try:
        shape, is_fortran, dtype = read(io.BytesIO(header[8:]))
    except Exception as error:  # NumPy does not catch errors of Python's tokenizer
        raise BadBody(400, "The header of the npy body cannot be read.") from error
    if min(shape, default=0) < 0:
        raise BadBody(400, "The shape of the npy body is invalid.")
    if dtype.kind not in "biuf" or dtype.itemsize > _WIDEST_BYTES:
        raise BadBody(400, f"The npy body is of the type {dtype}: send numbers.")
    return dtype, tuple(map(int, shape)), math.prod(shape), is_fortran


def write_npy(result: Any) -> bytes:
    """Return the result of run() in the npy format, version 1.0.

    Parameters
    ----------
    result : numpy.ndarray or list
        Numbers, booleans or strings.

    Raises
    ------
    CannotWrite
        If it is not such an array.
    """
    array = plain_array(result)
    header = _written_header(array.dtype, array.shape)
    return b"".join((header, array.tobytes()))


@lru_cache(maxsize=256)
def _written_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    from numpy.lib import format as npy

    file = io.BytesIO()
    described = {
        "descr": npy.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    npy.write_array_header_1_0(file, described)
    return file.getvalue()


def plain_array(result: Any) -> Numbers:
    """Return the result of run() as an array of numbers, booleans or strings.

    Raises
    ------
    CannotWrite
        If it is not such an array.
    """
    import numpy as np

    try:
        array = np.asarray(result)
    except (TypeError, ValueError) as error:
        raise CannotWrite from error
    if array.dtype.kind not in "biufU":
        raise CannotWrite
    if array.dtype.kind == "U" and isinstance(result, list) and not _are_texts(result):
        raise CannotWrite  # NumPy has converted numbers to strings
    return array


def _are_texts(values: list[Any]) -> bool:
    return all(_are_texts(v) if isinstance(v, list) else isinstance(v, str) for v in values)
