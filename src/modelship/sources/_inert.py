r"""Read a pickle without unpickling it: nothing is imported, nothing is called.

A pickle is a program for a small stack machine. Python's own machine imports
the classes that it names and calls them; this one keeps only what a passport
needs (short texts, small integers, names of classes, a few entries of states)
and puts one meaningless value in the place of everything else. The opcodes stand
in :mod:`modelship.sources._opcodes`.

It does not derive from ``pickle._Unpickler``, which believes the lengths that a
file declares and hashes keys that a file chooses.
"""

from __future__ import annotations

import _compat_pickle
import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.sources._arrays import Dtype, raw_size_bytes
from modelship.sources._loop import OPAQUE, Findings, Loop
from modelship.sources._stream import EndedEarlyError, MalformedError, UndescribedError

if TYPE_CHECKING:
    from modelship.sources._stream import ByteStream

__all__ = ["Findings", "Machine", "read_pickle"]

MAX_TEXT_BYTES: Final = 256
MAX_TUPLE: Final = 64
MAX_INTEGER_BYTES: Final = 8
HIGHEST_PROTOCOL: Final = 5
_ARRAYS: Final = frozenset(
    # the second where scikit-learn brought its own joblib, before 0.21
    f"{joblib}.numpy_pickle.NumpyArrayWrapper"
    for joblib in ("joblib", "sklearn.externals.joblib")
)
_KEYS: Final = frozenset({"_sklearn_version", "shape", "dtype", "numpy_array_alignment_bytes"})
_MAKERS: Final = frozenset({f"copyreg.{name}" for name in ("_reconstructor", "__newobj__")})


@dataclass(frozen=True)
class _Name:
    text: str


class _PendingArray:
    """A joblib wrapper before its state is known."""


def read_pickle(stream: ByteStream, findings: Findings, *, arrays: bool = True) -> None:
    """Read one pickle from `stream`.

    Parameters
    ----------
    stream : ByteStream
        Where it begins.
    findings : Findings
        What is added to.
    arrays : bool
        Whether to pass over the arrays that joblib put into it. ``pickle.load`` does not: it
        takes their bytes for instructions.

    Raises
    ------
    EndedEarlyError, MalformedError, UndescribedError
        As :mod:`modelship.sources._stream` tells them apart; `findings` holds what
        was seen until then.
    """
    Machine(stream, findings, arrays=arrays).run()


class Machine(Loop):
    """The stack machine; what it does for each opcode stands in ``_opcodes.ACTIONS``."""

    def __init__(self, stream: ByteStream, findings: Findings, *, arrays: bool) -> None:
        super().__init__(stream, findings)
        self.arrays = arrays
        self.protocol = 0

    # --- values -------------------------------------------------------------------------

    def push(self, value: object) -> None:
        self.stack.append(value)

    def push_opaque(self) -> None:
        self.stack.append(OPAQUE)

    def skip(self, size_bytes: int) -> None:
        self.stream.skip(size_bytes)
        self.push(OPAQUE)

    def push_signed(self, size_bytes: int) -> None:
        if size_bytes > MAX_INTEGER_BYTES:
            self.skip(size_bytes)
        else:
            self.push(int.from_bytes(self.stream.read(size_bytes), "little", signed=True))

    def push_text(self, size_bytes: int, encoding: str = "utf-8") -> None:
        if size_bytes > MAX_TEXT_BYTES:
            self.skip(size_bytes)
        else:
            self.push(_decode(self.stream.read(size_bytes), encoding))

    def push_text_line(self, encoding: str) -> None:
        line = self.stream.line(MAX_TEXT_BYTES)
        self.push(OPAQUE if line is None else _decode(line, encoding))

    def push_quoted_line(self) -> None:
        line = self.stream.line(MAX_TEXT_BYTES)
        self.push(OPAQUE if line is None else _unquote(line))

    def push_integer_line(self) -> None:
        line = self.stream.line(MAX_TEXT_BYTES)
        self.push(OPAQUE if line is None else _integer(line.removesuffix(b"L")))

    def skip_line(self) -> None:
        self.stream.line(0)
        self.push(OPAQUE)

    # --- stack, memo, containers ----------------------------------------------------------

    def pop(self) -> None:
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.stack.pop()

    def pop_mark(self) -> list[object]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def collapse(self) -> None:
        self.pop_mark()
        self.push(OPAQUE)

    def replace_opaque(self) -> None:
        self.stack[-1] = OPAQUE

    def push_tuple(self, items: list[object]) -> None:
        self.push(tuple(items) if len(items) <= MAX_TUPLE else OPAQUE)

    def push_last(self, count: int) -> None:
        items = [self.stack.pop() for _ in range(count)]
        self.push_tuple(items[::-1])

    def push_dict(self, items: list[object]) -> None:
        self.push(_known_items(items))

    def set_items(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            target.update(_known_items(items))

    def index_line(self) -> int:
        return _integer(self.stream.line(MAX_TEXT_BYTES) or b"")

    # --- classes, and what would be made of them -------------------------------------------

    def name(self, module: object, name: object) -> _Name:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise MalformedError("it names a class by something else than text")
        if self.protocol < 3:  # noqa: PLR2004 - up to protocol 2, names are those of Python 2
            module, name = _compat_pickle.NAME_MAPPING.get(
                (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
            )
        text = f"{module}.{name}"
        if not text.isprintable():
            raise MalformedError("it names a class by text that cannot be printed")
        self.findings.globals.add(text)
        return _Name(text)

    def name_lines(self) -> _Name:
        lines = [self.stream.line(MAX_TEXT_BYTES) for _ in range(2)]
        module, name = (None if line is None else _decode(line, "utf-8") for line in lines)
        return self.name(module, name)

    def name_stacked(self) -> None:
        name = self.stack.pop()
        self.push(self.name(self.stack.pop(), name))

    def make(self, maker: object, args: object) -> None:
        text = maker.text if isinstance(maker, _Name) else ""
        if text in _MAKERS and isinstance(args, tuple) and args and isinstance(args[0], _Name):
            text, args = args[0].text, args[1:]
        if text == "numpy.dtype":
            self.push(Dtype(args))
        else:
            self.push(_PendingArray() if text in _ARRAYS else OPAQUE)

    def make_stacked(self, count: int) -> None:
        """Make something of the last `count` values: a class, its arguments, maybe more."""
        maker, args, *_ = [self.stack.pop() for _ in range(count)][::-1]
        self.make(maker, args)

    def build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        for part in state if isinstance(state, tuple) else (state,):
            version = part.get("_sklearn_version") if isinstance(part, dict) else None
            # It goes into messages and commands, so it has to look like a version.
            if isinstance(version, str) and re.fullmatch(r"[0-9][0-9A-Za-z.+]{0,63}", version):
                self.findings.sklearn_version = version
        if isinstance(target, Dtype):
            target.state = state
        elif isinstance(target, _PendingArray) and self.arrays:
            self.skip_array(state if isinstance(state, dict) else {})
            self.stack[-1] = OPAQUE

    def skip_array(self, state: dict[str, object]) -> None:
        self.findings.arrays += 1
        dtype, shape = state.get("dtype"), state.get("shape")
        if not isinstance(dtype, Dtype):
            raise UndescribedError("it has an array of an unknown type")
        try:
            if dtype.has_object:
                # joblib writes these as a pickle of its own, with no wrappers in it.
                Machine(self.stream, self.findings, arrays=False).run()
                return
            if state.get("numpy_array_alignment_bytes") is not None:
                self.stream.skip(self.stream.unsigned(1))
            self.stream.skip(raw_size_bytes(dtype, shape))
        except EndedEarlyError as error:
            raise EndedEarlyError("an array") from error

    def begin(self) -> None:
        self.protocol = self.stream.unsigned(1)
        if self.protocol > HIGHEST_PROTOCOL:
            raise MalformedError(f"there is no pickle protocol {self.protocol}")
        if self.arrays:  # the outer pickle's, not that of an array of objects
            self.findings.protocol = self.protocol

    def make_marked(self) -> None:
        maker, *args = self.pop_mark() or [OPAQUE]
        self.make(maker, tuple(args))


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, "surrogatepass" if encoding == "utf-8" else "strict")
    except UnicodeDecodeError:
        raise MalformedError("a text in it is not text") from None


def _unquote(line: bytes) -> str:
    # As pickle._Unpickler.load_string does, escapes and all, or a name could hide in them.
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in b"'\"":  # noqa: PLR2004 - two quotes
        raise MalformedError("a text in it is not text")
    try:
        return codecs.escape_decode(line[1:-1])[0].decode("latin-1")
    except ValueError:
        raise MalformedError("a text in it is not text") from None


def _integer(line: bytes) -> int:
    try:
        return int(line)
    except ValueError:
        raise MalformedError("a number in it is not a number") from None


def _known_items(items: list[object]) -> dict[str, object]:
    # Only texts are looked up: hashing what a file chose could take forever.
    pairs = zip(items[::2], items[1::2], strict=False)
    return {key: value for key, value in pairs if isinstance(key, str) and key in _KEYS}
