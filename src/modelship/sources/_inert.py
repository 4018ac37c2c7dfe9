r"""Read a pickle without unpickling it: nothing is imported or called.

A pickle is a program for a small stack machine. Python's own machine imports and calls the classes
that it names. This one keeps only the values that a passport needs (short texts, small integers,
names of classes, a few entries of states) and replaces all others with one placeholder. The opcodes
are in :mod:`modelship.sources._loop`.

It does not derive from ``pickle._Unpickler``, which trusts the lengths that a file declares and
hashes keys from the file.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

from modelship.sources._arrays import Wrapper
from modelship.sources._evaluating import is_template
from modelship.sources._joblib import Arrays
from modelship.sources._kinds import OPAQUE, TEMPLATE
from modelship.sources._stream import MalformedError
from modelship.sources._values import Listed, State

if TYPE_CHECKING:
    from modelship.sources._stream import ByteStream
    from modelship.sources._values import Findings

__all__ = ["Machine", "read_pickle"]

MAX_TEXT_BYTES: Final = 256
MAX_TEMPLATE_BYTES: Final = 1024
MAX_TUPLE: Final = 256
MAX_INTEGER_BYTES: Final = 8
HIGHEST_PROTOCOL: Final = 5


def read_pickle(
    stream: ByteStream,
    findings: Findings,
    *,
    arrays: bool = True,
    padding: bool = True,
    persistent: bool = False,
) -> None:
    """Read one pickle from `stream`.

    Parameters
    ----------
    stream : ByteStream
        The content, at the start of the pickle.
    findings : Findings
        The findings to extend.
    arrays : bool
        Whether to skip the arrays of joblib. ``pickle.load`` does not skip them: it reads their
        bytes as instructions.
    padding : bool
        Whether to skip the padding before them. joblib before 1.2 does not support padding.
    persistent : bool
        Whether persistent ids are expected, as in torch's pickles.

    Raises
    ------
    EndedEarlyError, MalformedError, UndescribedError
        As defined in :mod:`modelship.sources._stream`; `findings` contains the facts found before.
    """
    machine = Machine(stream, findings, arrays=arrays)
    machine.padding, machine.persistent = padding, persistent
    machine.alternative = not (arrays and padding)
    machine.run()


class Machine(Arrays):
    """The stack machine; ``_loop.ACTIONS`` has the action of each opcode."""

    def __init__(self, stream: ByteStream, findings: Findings, *, arrays: bool) -> None:
        super().__init__(stream, findings)
        self.arrays = arrays
        self.persistent = False

    # --- values -------------------------------------------------------------------------

    def push(self, value: object) -> None:
        self.stack.append(value)

    def push_opaque(self) -> None:
        self.stack.append(OPAQUE)

    def push_list(self) -> None:
        self.stack.append(Listed())

    def skip(self, size_bytes: int) -> None:
        self.stream.skip(size_bytes)
        self.push(OPAQUE)

    def push_signed(self, size_bytes: int) -> None:
        if size_bytes > MAX_INTEGER_BYTES:
            self.skip(size_bytes)
        else:
            self.push(int.from_bytes(self.stream.read(size_bytes), "little", signed=True))

    def push_text(self, size_bytes: int, encoding: str = "utf-8") -> None:
        if size_bytes <= MAX_TEXT_BYTES:
            self.push(_decode(self.stream.read(size_bytes), encoding))
        elif size_bytes <= MAX_TEMPLATE_BYTES:
            text = self.stream.read(size_bytes).decode("latin-1")
            self.push(TEMPLATE if is_template(text) else OPAQUE)
        else:
            self.skip(size_bytes)

    def push_text_line(self, encoding: str) -> None:
        line = self.stream.line(MAX_TEMPLATE_BYTES)
        text = None if line is None else _decode(line, encoding)
        if text is not None and len(text) > MAX_TEXT_BYTES:
            self.push(TEMPLATE if is_template(text) else OPAQUE)
        else:
            self.push(OPAQUE if text is None else text)

    def push_quoted_line(self) -> None:
        line = self.stream.line(MAX_TEXT_BYTES)
        self.push(OPAQUE if line is None else _unquote(line))

    def push_integer_line(self) -> None:
        line = self.stream.line(MAX_TEXT_BYTES)
        self.push(OPAQUE if line is None else _literal(line.removesuffix(b"L")))

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

    def collapse(self, *, unique: bool) -> None:
        items = self.pop_mark()
        if unique:
            self.use_as_keys(items)
        self.push(Listed(items))

    def push_tuple(self, items: list[object]) -> None:
        self.push(tuple(items) if len(items) <= MAX_TUPLE else Listed(items))

    def push_last(self, count: int) -> None:
        if len(self.stack) < count:
            raise IndexError
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def push_dict(self, items: list[object]) -> None:
        state = State()
        state.add(items)
        self.use_as_keys(items[::2])
        self.push(state)

    def set_items(self, items: list[object]) -> None:
        target = self.stack[-1]
        self.use_as_keys(items[::2])
        if isinstance(target, State):
            target.add(items)
        elif target is not OPAQUE:
            self.give_items(target, items)

    def append(self) -> None:
        item = self.stack.pop()
        self.give_members(self.stack[-1], [item])

    def append_all(self, *, unique: bool = False) -> None:
        items = self.pop_mark()
        if unique:
            self.use_as_keys(items)
        self.give_members(self.stack[-1], items)

    def persistent_line(self) -> None:
        self.skip_line()
        self.persistent_id()

    def persistent_id(self) -> None:
        if not self.persistent:
            self.stop_otherwise()
            self.hazard("it uses persistent ids, which only torch files have")
        self.stack[-1] = OPAQUE

    def stop_otherwise(self) -> None:
        """Stop a reading that differs from joblib's here, as ``pickle.load`` would."""
        if self.findings.went_astray:
            raise MalformedError("an instruction in it needs a class that is not registered")

    def extension(self, size_bytes: int) -> None:
        self.stop_otherwise()
        self.hazard("it uses a class from the registry of extensions")
        self.skip(size_bytes)

    def index_line(self) -> int:
        return _integer(self.stream.line(MAX_TEXT_BYTES) or b"")

    # --- classes, and their instances ------------------------------------------------------

    def name_lines(self) -> object:
        lines = [self.stream.line(MAX_TEXT_BYTES) for _ in range(2)]
        module, name = (None if line is None else _decode(line, "utf-8") for line in lines)
        return self.name(module, name)

    def name_stacked(self) -> None:
        name = self.stack.pop()
        self.push(self.name(self.stack.pop(), name))

    def call(self) -> None:
        args = self.stack.pop()
        self.push(self.made(self.stack.pop(), args))

    def create(self) -> None:
        args = self.stack.pop()
        self.push(self.made(self.stack.pop(), args, new=True))

    def create_with_keywords(self) -> None:
        keywords, args = self.stack.pop(), self.stack.pop()
        plain = isinstance(keywords, State) and not (keywords or keywords.more or keywords.opaque)
        self.push(self.made(self.stack.pop(), args if plain else (args, keywords), new=True))

    def instantiate(self, maker: object, args: list[object]) -> None:
        # For a class without arguments this is no call, but a function would be called.
        self.push(self.made(maker, tuple(args)))

    def build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        self.give_state(target, state)
        if isinstance(target, Wrapper):
            self.build_array(target, state)

    def inner(self) -> Machine:
        return Machine(self.stream, self.findings, arrays=False)

    def frame(self) -> None:
        size_bytes = self.stream.unsigned(8)
        self.frame_ends_at = self.stream.position_bytes + size_bytes

    def begin(self) -> None:
        self.protocol = self.stream.unsigned(1)
        if self.protocol > HIGHEST_PROTOCOL:
            raise MalformedError(f"there is no pickle protocol {self.protocol}")
        if self.arrays:  # the outer pickle's, not that of an array of objects
            self.findings.protocol = self.protocol

    def make_marked(self) -> None:
        maker, *args = self.pop_mark() or [OPAQUE]
        self.instantiate(maker, args)


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, "surrogatepass" if encoding == "utf-8" else "strict")
    except UnicodeDecodeError:
        raise MalformedError("a text in it cannot be decoded") from None


def _unquote(line: bytes) -> str:
    # The same as pickle._Unpickler.load_string, including escapes; otherwise a name could be
    # hidden.
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in b"'\"":  # noqa: PLR2004 - two quotes
        raise MalformedError("a text in it cannot be decoded")
    try:
        return codecs.escape_decode(line[1:-1])[0].decode("latin-1")
    except ValueError:
        raise MalformedError("a text in it cannot be decoded") from None


def _integer(line: bytes, base: int = 10) -> int:
    try:
        return int(line, base)
    except ValueError:
        raise MalformedError("a number in it cannot be parsed") from None


def _literal(line: bytes) -> int:
    if line in (b"00", b"01"):
        return line == b"01"
    # Parsed as Python does, or as its C code does (strtol), where a leading 0 means octal.
    try:
        return int(line, 0)
    except ValueError:
        return _integer(line, 8)
