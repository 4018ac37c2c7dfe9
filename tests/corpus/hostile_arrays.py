"""joblib files in which a reader that counts otherwise than joblib does sees something else.

The bytes of an array lie between two instructions, and how many they are follows from a description
before them. Whoever passes over more of them than joblib does passes over what joblib carries out,
and whoever passes over fewer takes for harmless data what joblib carries out elsewhere.
"""
# ruff: noqa: E501 - tables, where one attempt stands on one line

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from corpus.assembly import call, integer, name, pairs, run, text, values, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WRAPPER = name("joblib.numpy_pickle:NumpyArrayWrapper") + b")\x81"
TRUE, FALSE, NONE = b"\x88", b"\x89", b"N"


def dtype(code: str = "u1", *state: bytes) -> bytes:
    """A dtype, and its state if there is any."""
    made = call("numpy:dtype", text(code), FALSE, TRUE)
    return made + (values(*state) + b"b" if state else b"")


def plain(size: int = -1, flags: int = 0) -> tuple[bytes, ...]:
    """The state of a dtype as NumPy writes it."""
    return (b"K\x03", text("|"), NONE, NONE, NONE, integer(size), integer(size), integer(flags))


def state(**changed: bytes) -> dict[str, bytes]:
    """The entries of a description as joblib writes them, but for those `changed`."""
    honest = {
        "subclass": name("numpy:ndarray"),
        "shape": integer(8) + b"\x85",
        "order": text("C"),
        "dtype": dtype("u1", *plain()),
        "allow_mmap": TRUE,
        "numpy_array_alignment_bytes": NONE,
    }
    return {key: value for key, value in (honest | changed).items() if value}


def _hidden(marker: str, *, described: bytes, seen: int = 8, length: int = 400) -> bytes:
    """A description, the eight bytes that joblib passes over, and then a command."""
    payload = bytes(seen) + b"0" + run(marker) + b"."
    return whole(described)[:-1] + payload.ljust(length, b".")


def build(entries: dict[str, bytes], *more: bytes) -> bytes:
    """The description of an array."""
    return WRAPPER + pairs(**entries) + b"".join(more) + b"b"


LONG = integer(300) + b"\x85"
S1 = (b"K\x01", text("|"), NONE, NONE, integer(300), integer(1))
DESCRIBED = {
    "a shape that comes again": build(
        state(shape=LONG), call("builtins:str", text("shape")), integer(8) + b"\x85s"
    ),
    "a shape given twice": build(state(shape=LONG), text("shape"), integer(8) + b"\x85s"),
    "a shape of truth values": build(state(shape=values(TRUE, integer(300)))),
    "a shape that is computed": build(state(shape=call("builtins:tuple", b"]" + integer(8) + b"a"))),
    "a shape that is a list": build(state(shape=b"]" + integer(8) + b"a")),
    "a shape of a huge number": build(state(shape=values(integer(2**62), integer(4)))),
    "a shape that overflows": build(state(shape=values(integer(2**32), integer(2**32)))),
    "a shape that is changed later": build(state(shape=LONG))
    + call("operator:setitem", NONE, NONE, NONE),
    "a state of the old form": build(state(dtype=dtype("S1", *S1))),
    "a state of seven": build(state(dtype=dtype("S1", *S1, integer(1)))),
    "a state of one": build(state(dtype=dtype("S1", integer(3)))),
    "a state that is computed": build(state(
        dtype=call("numpy:dtype", text("S1")) + call("builtins:tuple", b"]") + b"b")),
    "a state with a computed size": build(state(dtype=dtype(
        "S300", *plain()[:5], call("builtins:int", text("1")), integer(1), integer(0)))),
    "two states": build(state(dtype=dtype("S300", *plain(300)) + values(*plain(1)) + b"b")),
    "a larger item than the code": build(state(dtype=dtype("S1", *plain(300)))),
    "a size for a number": build(state(dtype=dtype("u1", *plain(300)))),
    "objects that are none": build(state(dtype=dtype("O8", *plain(-1, 0)))),
    "numbers that are objects": build(state(dtype=dtype("u1", *plain(-1, 63)))),
    "fields that are objects": build(state(dtype=dtype("V8", b"K\x03", text("|"), NONE,
                                                       values(text("a")), b"}", integer(8),
                                                       integer(1), integer(63)))),
    "a type by its class": build(state(dtype=call("numpy:dtype", name("numpy:float64")))),
    "a type that is computed": build(state(dtype=call("numpy:dtype", call("builtins:str",
                                                                         text("u1"))))),
    "a type of an array": build(state(dtype=call("numpy:dtype", text("(300,)u1")))),
    "a type of fields as a text": build(state(dtype=call("numpy:dtype", text("u1,u1")))),
    "a type with metadata of its own": build(state(dtype=call(
        "numpy:dtype", text("u1"), FALSE, call("builtins:bool", text(""))))),
    "an alignment that is computed": build(state(numpy_array_alignment_bytes=call(
        "operator:setitem", b"}", b"K\x00", b"K\x00"))),
    "an alignment that is a text": build(state(numpy_array_alignment_bytes=text(""))),
    "an alignment of truth": build(state(numpy_array_alignment_bytes=FALSE)),
    "no order": build(state(order=b"")),
    "an order that is computed": build(state(order=call("builtins:str", text("C")))),
    "a subclass of its own": build(state(subclass=name("numpy:memmap.tofile"))),
    "a method of its own": build(state(read=call("functools:partial", name("os:getcwd")))),
    "a method under a computed key": build(state(), call("builtins:str", text("read_array")),
                                           name("os:getcwd") + b"s"),
    "a class under a computed key": build(state(), call("builtins:str", text("__class__")),
                                          name("os:getcwd") + b"s"),
    "a state in slots": WRAPPER + values(NONE, pairs(**state())) + b"b",
    "a state without entries": WRAPPER + b"}b",
    "a state that is computed by a call": WRAPPER + call("builtins:dict", pairs(**state())) + b"b",
    "made by its constructor": call(
        "joblib.numpy_pickle:NumpyArrayWrapper", name("numpy:ndarray"), LONG, text("C"), dtype(),
        TRUE, NONE) + pairs(shape=integer(8) + b"\x85") + b"b",
    "made by reduce with no arguments": name("joblib.numpy_pickle:NumpyArrayWrapper") + b")R"
    + pairs(**state(shape=LONG)) + b"b",
    "passed through a scalar": call("numpy._core.multiarray:scalar", dtype("O8", *plain(-1, 63)),
                                    WRAPPER) + pairs(**state()) + b"b",
    "kept and built again": WRAPPER + b"q\x05" + pairs(**state()) + b"b" + bytes(8)
    + b"0h\x05" + pairs(shape=LONG) + b"b",
    "reached through another module": name("joblib.memory:NumpyArrayWrapper") + b")\x81"
    + pairs(**state()) + b"b",
    "of an older joblib and a newer one": build(state()) + bytes(8) + name(
        "sklearn.externals.joblib.numpy_pickle:NumpyArrayWrapper") + b")\x81"
    + pairs(**state(shape=LONG)) + b"b",
}  # fmt: skip


def _write(folder: Path, marker: str, *, content: Callable[[str], bytes]) -> Path:
    path = folder / "model.joblib"
    path.write_bytes(content(marker))
    return path


def _in_a_frame(marker: str) -> bytes:
    """A frame that goes on behind the description: joblib looks for the array behind the frame."""
    described = build(state(shape=integer(300) + b"\x85"))
    inside = described + b"0" + run(marker) + b"."
    inside += bytes(300 - len(inside) % 300)
    frame = b"\x95" + len(inside).to_bytes(8, "little") + inside
    return b"\x80\x04" + frame + bytes(400)


def _for_pickle(marker: str) -> bytes:
    """What joblib passes over as an array, pickle.load carries out."""
    payload = (b"0" + run(marker) + b".").ljust(200, b".")
    return whole(build(state(shape=integer(200) + b"\x85")) + payload)


def _for_an_older_joblib(marker: str) -> bytes:
    """Joblib before 1.2 knows of no padding, and carries out the last bytes of an array."""
    described = build(state(shape=integer(16) + b"\x85", numpy_array_alignment_bytes=b"K\x10"))
    padding = b"\xff" * 15
    jump = b"0B" + (20).to_bytes(4, "little")  # over what a newer joblib carries out
    array = bytes(16 - len(jump)) + jump
    honest = (b"0" + text("x" * 8) + b".").ljust(20, b".")
    return whole(described)[:-1] + b"\x0f" + padding + array[:16] + honest + run(marker) + b"."


def _objects(marker: str) -> bytes:
    described = build(state(dtype=dtype("O8", *plain(-1, 63))))
    return whole(described)[:-1] + whole(run(marker)) + b"."


def _shared(marker: str) -> bytes:
    """A state that is changed by a call after it was given."""
    entries = state(shape=LONG)
    described = WRAPPER + pairs(**entries) + b"q\x07" + b"0h\x07"
    changed = call("builtins:dict.__setitem__", b"h\x07", text("shape"), integer(8) + b"\x85")
    return _hidden(marker, described=b"N" + described + changed + b"0b")


def cases() -> Iterator[tuple[str, str, Callable[[Path, str], Path]]]:
    """Yield the name, the attempt and the writer of each case."""
    for title, described in DESCRIBED.items():
        yield (
            f"an array with {title}",
            f"to make a reader miscount an array by {title}",
            partial(_write, content=partial(_hidden, described=described)),
        )
    for title, content in {
        "an array within a frame": _in_a_frame,
        "an array that pickle.load carries out": _for_pickle,
        "an array that an older joblib carries out": _for_an_older_joblib,
        "an array of objects": _objects,
        "an array whose description is shared": _shared,
    }.items():
        yield title, content.__doc__ or title, partial(_write, content=content)
