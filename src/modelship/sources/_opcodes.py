"""Implement each pickle opcode for the inert machine.

The opcodes and their arguments are those of ``pickletools.opcodes`` in the standard library, which
describes every protocol up to 5. STOP is handled before this table is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.sources._values import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.sources._inert import Machine

__all__ = ["ACTIONS"]

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
