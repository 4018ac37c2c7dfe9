"""Run the inert pickle machine: its loop, its opcodes, its memo and its limits.

The actions of the machine are in :mod:`modelship.sources._inert`; the loop is in its own module
because most of the time is spent here. The opcodes and their arguments are those of
``pickletools.opcodes`` in the standard library, which describes every protocol up to 5. STOP is
handled before their table is used.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, cast

from modelship.sources._kinds import OPAQUE
from modelship.sources._stream import MalformedError, UndescribedError
from modelship.sources._values import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.sources._inert import Machine
    from modelship.sources._stream import ByteStream
    from modelship.sources._values import Findings

__all__ = ["ACTIONS", "Loop"]

_BY_BYTE: Final[Mapping[bytes, Callable[[Machine], object]]] = {
    # constants and empty containers
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b")": lambda m: m.push(()),
    b"}": lambda m: m.push(State()),
    b"]": lambda m: m.push_list(),
    b"\x8f": lambda m: m.push_list(),
    # numbers
    b"K": lambda m: m.push(m.stream.unsigned(1)),
    b"M": lambda m: m.push(m.stream.unsigned(2)),
    b"J": lambda m: m.push_signed(4),
    b"\x8a": lambda m: m.push_signed(m.stream.unsigned(1)),
    b"\x8b": lambda m: m.push_signed(m.stream.unsigned(4)),
    b"I": lambda m: m.push_integer_line(),
    b"L": lambda m: m.push_integer_line(),
    b"F": lambda m: m.skip_line(),
    b"G": lambda m: m.skip(8),
    # texts and bytes
    b"X": lambda m: m.push_text(m.stream.unsigned(4)),
    b"\x8c": lambda m: m.push_text(m.stream.unsigned(1)),
    b"\x8d": lambda m: m.push_text(m.stream.unsigned(8)),
    b"T": lambda m: m.push_text(m.stream.unsigned(4), "latin-1"),
    b"U": lambda m: m.push_text(m.stream.unsigned(1), "latin-1"),
    b"V": lambda m: m.push_text_line("raw-unicode-escape"),
    b"S": lambda m: m.push_quoted_line(),
    b"B": lambda m: m.skip(m.stream.unsigned(4)),
    b"C": lambda m: m.skip(m.stream.unsigned(1)),
    b"\x8e": lambda m: m.skip(m.stream.unsigned(8)),
    b"\x96": lambda m: m.skip(m.stream.unsigned(8)),
    b"\x97": lambda m: m.push_opaque(),
    b"\x98": lambda m: m.stack[-1],
    # the stack
    b"(": lambda m: m.marks.append(len(m.stack)),
    b"0": lambda m: m.pop(),
    b"1": lambda m: m.pop_mark(),
    b"2": lambda m: m.push(m.stack[-1]),
    # containers
    b"t": lambda m: m.push_tuple(m.pop_mark()),
    b"\x85": lambda m: m.push_last(1),
    b"\x86": lambda m: m.push_last(2),
    b"\x87": lambda m: m.push_last(3),
    b"l": lambda m: m.collapse(unique=False),
    b"\x91": lambda m: m.collapse(unique=True),
    b"d": lambda m: m.push_dict(m.pop_mark()),
    b"a": lambda m: m.append(),
    b"e": lambda m: m.append_all(),
    b"\x90": lambda m: m.append_all(unique=True),
    b"s": lambda m: m.set_items([m.stack.pop(), m.stack.pop()][::-1]),
    b"u": lambda m: m.set_items(m.pop_mark()),
    # the memo
    b"g": lambda m: m.get(m.index_line()),
    b"h": lambda m: m.get(m.stream.unsigned(1)),
    b"j": lambda m: m.get(m.stream.unsigned(4)),
    b"p": lambda m: m.put(m.index_line()),
    b"q": lambda m: m.put(m.stream.unsigned(1)),
    b"r": lambda m: m.put(m.stream.unsigned(4)),
    b"\x94": lambda m: m.memoize(),
    # classes, and their instances
    b"c": lambda m: m.push(m.name_lines()),
    b"\x93": lambda m: m.name_stacked(),
    b"i": lambda m: m.instantiate(m.name_lines(), m.pop_mark()),
    b"o": lambda m: m.make_marked(),
    b"R": lambda m: m.call(),
    b"\x81": lambda m: m.create(),
    b"\x92": lambda m: m.create_with_keywords(),
    b"b": lambda m: m.build(),
    b"P": lambda m: m.persistent_line(),
    b"Q": lambda m: m.persistent_id(),
    b"\x82": lambda m: m.extension(1),
    b"\x83": lambda m: m.extension(2),
    b"\x84": lambda m: m.extension(4),
    # PROTO and FRAME
    b"\x80": lambda m: m.begin(),
    b"\x95": lambda m: m.frame(),
}

ACTIONS: Final[Mapping[int, Callable[[Machine], object]]] = {
    opcode[0]: action for opcode, action in _BY_BYTE.items()
}

MAX_KEPT: Final = 2_000_000
MAX_INSTRUCTION_BYTES: Final = 128 * 2**20
_STOP: Final = ord(".")
# Frequent opcodes: MEMOIZE, SHORT_BINUNICODE, BINUNICODE, BININT1, BININT2, BINFLOAT, NONE,
_MEMOIZE, _SHORT_TEXT, _TEXT, _UINT1, _UINT2, _FLOAT, _NONE = b"\x94\x8cXKMGN"
# BINGET, LONG_BINGET, BINPUT and LONG_BINPUT.
_GET, _LONG_GET, _PUT, _LONG_PUT = b"hjqr"
_MARK: Final = ord("(")
_STEPS_BETWEEN_CHECKS: Final = 4096
_float_at: Final = struct.Struct(">d").unpack_from


class Loop:
    """Executes one instruction after the other; a ``Machine`` defines the actions."""

    stream: ByteStream
    actions: Mapping[int, Callable[[Any], object]] = ACTIONS
    keeps_floats = False
    memoized: int  # the number of memo entries that were set in order,
    scattered: set[int]  # and the entries out of order, which no pickler writes

    def __init__(self, stream: ByteStream, findings: Findings) -> None:
        self.stream = stream
        self.findings = findings
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}
        self.memoized = 0
        self.scattered: set[int] = set()

    def run(self) -> None:
        try:
            while not self.run_some():
                self.check_limits()
            self.stack.pop()
        except KeyError:
            raise MalformedError("a byte in it is not a pickle instruction") from None
        except IndexError:
            raise MalformedError("an instruction in it takes more values than there are") from None
        except UnicodeDecodeError:
            raise MalformedError("a text in it cannot be decoded") from None

    def run_some(self) -> bool:  # noqa: C901, PLR0912, PLR0915 - see below
        """Execute some thousand instructions; return True after the last one of the pickle.

        The most frequent ones (texts, numbers, the memo) are executed inline. They are in
        ``actions`` as well, for the end of the stream's window. This is one long function because
        most of the time is spent here: a call for each instruction would take three times as long.
        """
        stream, stack, memo, scattered = self.stream, self.stack, self.memo, self.scattered
        machine, marks = cast("Machine", self), self.marks
        data, at, safe, memoized = stream.data, stream.at, stream.safe, self.memoized
        actions, keeps_floats = self.actions, self.keeps_floats
        for step in range(_STEPS_BETWEEN_CHECKS):
            if at < safe:
                opcode = data[at]
                at += 1
                if opcode == _MEMOIZE and not scattered:
                    value = stack[-1]
                    if value is not OPAQUE:
                        memo[memoized] = value
                    memoized += 1
                    continue
                if opcode == _SHORT_TEXT:
                    end = at + 1 + data[at]
                    text = data[at + 1 : end].decode("utf-8", "surrogatepass")
                    stack.append(text)
                    at = end
                    if data[at] == _MEMOIZE and not scattered:
                        memo[memoized] = text
                        memoized += 1
                        at += 1
                    continue
                if opcode == _GET:
                    stack.append(memo.get(data[at], OPAQUE))
                    at += 1
                    continue
                if opcode == _UINT1:
                    stack.append(data[at])
                    at += 1
                    continue
                if opcode == _UINT2:
                    stack.append(data[at] | data[at + 1] << 8)
                    at += 2
                    continue
                if opcode == _PUT and data[at] == memoized and not scattered:
                    value = stack[-1]
                    if value is not OPAQUE:
                        memo[memoized] = value
                    memoized += 1
                    at += 1
                    continue
                if opcode == _NONE:
                    stack.append(None)
                    continue
                if opcode == _TEXT and not (data[at + 1] or data[at + 2] or data[at + 3]):
                    end = at + 4 + data[at]  # BINUNICODE of up to 255 bytes
                    stack.append(data[at + 4 : end].decode("utf-8", "surrogatepass"))
                    at = end
                    continue
                if opcode == _LONG_PUT and not scattered:
                    index = int.from_bytes(data[at : at + 4], "little")
                    if index == memoized:
                        value = stack[-1]
                        if value is not OPAQUE:
                            memo[index] = value
                        memoized += 1
                        at += 4
                        continue
                if opcode == _LONG_GET:
                    stack.append(memo.get(int.from_bytes(data[at : at + 4], "little"), OPAQUE))
                    at += 4
                    continue
                if opcode == _FLOAT:
                    stack.append(_float_at(data, at)[0] if keeps_floats else OPAQUE)
                    at += 8
                    continue
                if opcode == _MARK:
                    marks.append(len(stack))
                    continue
                stream.at = at
            else:
                stream.at = at
                opcode = stream.read(1)[0]
            if opcode == _STOP:
                stream.budget.take_steps(step)
                return True
            self.memoized = memoized
            actions[opcode](machine)
            data, at, safe, memoized = stream.data, stream.at, stream.safe, self.memoized
        stream.at, self.memoized = at, memoized
        stream.budget.take_steps(_STEPS_BETWEEN_CHECKS)
        return False

    def check_limits(self) -> None:
        stream = self.stream
        kept = len(self.stack) + len(self.marks) + len(self.memo) + len(self.scattered)
        instructions_bytes = stream.position_bytes - stream.skipped_bytes
        if kept + len(self.findings.names) > MAX_KEPT or instructions_bytes > MAX_INSTRUCTION_BYTES:
            raise UndescribedError("it has more parts than the limit")

    # --- the memo -----------------------------------------------------------------------

    def get(self, index: int) -> None:
        self.stack.append(self.memo.get(index, OPAQUE))

    def memoize(self) -> None:
        # The memo index is the number of entries set: a wrong count would hide a name.
        self.put(self.memoized + len(self.scattered))

    def put(self, index: int) -> None:
        if index == self.memoized:
            self.memoized += 1
            while self.scattered and self.memoized in self.scattered:
                self.scattered.remove(self.memoized)
                self.memoized += 1
        elif index > self.memoized:
            self.scattered.add(index)
        value = self.stack[-1]
        if value is not OPAQUE:
            self.memo[index] = value
        else:
            self.memo.pop(index, None)
