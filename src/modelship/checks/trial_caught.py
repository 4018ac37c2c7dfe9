"""Record the exceptions that a bundle's code catches. Runs in the bundle's own environment.

The code that ``trial_noting.py`` inserts into handlers calls the functions of this module.

It imports only the standard library, and nothing of modelship. It also runs on Python 3.8.
"""

from __future__ import annotations

import builtins
import contextlib
import dis
import json
import os
import sys
import traceback
from importlib.machinery import SourceFileLoader
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

CAUGHT, RETURNED = "__modelship_caught__", "__modelship_returned__"
"""The builtins that the notes call."""
_MOST, _MOST_OF_ONE = 20, 3
# Characters of a text: shorter ones may be labels, and only so many of a long one are compared.
_SHORTEST, _SHORTEST_PART, _COMPARED = 3, 12, 80
_LOOKED_AT = 10_000
# Keys that an answer may hold besides an error, and that are not an answer.
_STATUS = {"status", "code", "status_code", "statuscode", "ok", "success", "type"}


def described(error: BaseException) -> dict[str, Any]:
    """Return what was raised, with the script's frames and its causes."""
    frames = [
        frame for each in chain_of(error) for frame in traceback.extract_tb(each.__traceback__)
    ]
    begin = first_of_script(error.__traceback__)
    return {
        "kind": type(error).__name__,
        "message": str(error)[:2000],
        "frames": [[frame.filename, frame.lineno, frame.line] for frame in frames][-50:],
        "traceback": "".join(traceback.format_exception(None, error, begin))[-8000:],
    }


def chain_of(error: BaseException) -> list[BaseException]:
    """Return an exception and those that it was raised from, the last one first."""
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) and inner not in chain:
        chain.append(inner)
    return chain


def first_of_script(begin: TracebackType | None) -> TracebackType | None:
    """Return a traceback from the script's first frame on, without the frames that load it."""
    here = begin
    while here is not None and not is_own(here.tb_frame.f_code.co_filename):
        here = here.tb_next
    return here or begin


def is_own(path: str) -> bool:
    """Return whether a file belongs to the bundle."""
    return path.startswith(os.environ["AML_APP_ROOT"])


class Caught:
    """The exceptions caught since the last call of take()."""

    def __init__(self) -> None:
        self.during = "import"
        self.handlers: list[dict[str, Any]] = []
        self.notes: list[dict[str, Any]] = []
        self.returned: Any = None
        self.returned_by = -1
        self._counts: dict[int, int] = {}

    def watch(self, with_notes: Callable[..., Any]) -> None:
        """Record exceptions that the bundle's files catch, for files imported from now on.

        Parameters
        ----------
        with_notes : callable
            The function of ``trial_noting.py``.
        """
        setattr(builtins, CAUGHT, self.note)
        setattr(builtins, RETURNED, self.note_returned)
        plain = SourceFileLoader.source_to_code

        def noting(loader: Any, data: Any, path: Any, **options: Any) -> Any:
            if isinstance(data, bytes) and is_own(str(path)):
                data = with_notes(data, str(path), self.handlers)
            return plain(loader, data, path, **options)

        SourceFileLoader.source_to_code = noting  # type: ignore[assignment] # as it is called
        self._watch_suppress()

    def _watch_suppress(self) -> None:
        plain = contextlib.suppress.__exit__

        def noting(suppress: Any, kind: Any, error: Any, begin: Any) -> bool:
            done = plain(suppress, kind, error, begin)
            if (
                done
                and error is not None
                and begin is not None
                and is_own(begin.tb_frame.f_code.co_filename)
            ):
                place = {"file": begin.tb_frame.f_code.co_filename, "line": begin.tb_lineno}
                broad = bool({Exception, BaseException} & {*suppress._exceptions})  # noqa: SLF001 - it has no other way
                self.handlers.append({**place, "binds": [], "broad": broad, "fixed": False})
                self._describe(len(self.handlers) - 1, error)
            return bool(done)

        contextlib.suppress.__exit__ = noting  # type: ignore[method-assign] # as it is called

    def note(self, handler: int) -> None:
        """Record the exception that a handler has started to handle."""
        error = sys.exc_info()[1]
        self._counts[handler] = self._counts.get(handler, 0) + 1
        if error is not None and self._counts[handler] <= _MOST_OF_ONE:
            self._describe(handler, error)

    def note_returned(self, handler: int, value: Any) -> Any:
        """Record the value that a handler returns, and return it."""
        self.returned, self.returned_by = value, handler
        return value

    def _describe(self, handler: int, error: BaseException) -> None:
        try:
            note = {**described(error), **self.handlers[handler], "handler": handler}
            note.update(during=self.during, text=str(error), frame=_globals_of(error, note))
        except Exception:  # noqa: BLE001 - whatever an exception's own methods raise
            return
        # One that is raised again was not swallowed by the first handler.
        self.notes = [each for each in self.notes if _key(each) != _key(note)]
        self.notes = [*self.notes, note][-_MOST:]

    def take(self, answer: Any = None, *, answered: bool = False) -> list[dict[str, Any]]:
        """Return the reports of caught exceptions, and whether the answer stems from one.

        Parameters
        ----------
        answer : object
            The return value of run().
        answered : bool
            Whether it returned.
        """
        notes, self.notes, self._counts = self.notes, [], {}
        by = self.returned_by if answered and answer is self.returned else -1
        self.returned, self.returned_by = None, -1
        held: list[tuple[str, Any]] = []
        if answered:
            with contextlib.suppress(Exception):  # whatever a value's own methods raise
                held = leaves(content(answer))
        return [_told(note, returned=note["handler"] == by, held=held) for note in notes]


def _globals_of(error: BaseException, note: dict[str, Any]) -> tuple[set[str], dict[str, Any]]:
    """Return the globals bound by the code that caught an exception, and all globals."""
    here = error.__traceback__
    while here is not None and here.tb_frame.f_code.co_filename != note["file"]:
        here = here.tb_next
    if here is None:
        return set(), {}
    code = here.tb_frame.f_code
    kinds = (
        ("STORE_GLOBAL", "STORE_NAME", "IMPORT_NAME")
        if code.co_name == "<module>"
        else ("STORE_GLOBAL",)
    )
    names = {each.argval for each in dis.get_instructions(code) if each.opname in kinds}
    return names, here.tb_frame.f_globals


def _key(note: dict[str, Any]) -> tuple[str, str]:
    return note["kind"], note["text"]


def _told(note: dict[str, Any], *, returned: bool, held: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the report of a note, and whether an answer consists of its text."""
    told = {name: note[name] for name in note if name not in {"text", "handler", "frame"}}
    stored, values = note["frame"]
    wanted = [name for name in note["binds"] if name in stored]
    left = [name for name in wanted if values.get(name) is None]
    told.update(left=left, bound=bool(wanted) and not left)
    rest = [
        (key, each)
        for key, each in held
        if not (isinstance(each, str) and shows(each, note, returned=returned))
    ]
    alone = all(says_nothing(each) or key.lower() in _STATUS for key, each in rest)
    return {**told, "returned": returned, "shown": len(rest) < len(held), "alone": alone}


def says_nothing(value: Any) -> bool:
    """Return whether a value is not an answer."""
    return (
        value is None or value is True or value is False or (isinstance(value, str) and not value)
    )


def shows(value: str, note: dict[str, Any], *, returned: bool) -> bool:
    """Return whether a text of an answer contains that of an exception."""
    kind, text, value = note["kind"], note["text"].strip(), value.strip()
    if any(f"{kind}{sign}" in value for sign in ":(") or (value == kind and returned):
        return True
    if len(text) < _SHORTEST or text.isalnum() or not any(map(str.isalpha, text)):
        return returned and value == text != ""  # it might be a label
    begins = len(value) >= _SHORTEST_PART and " " in value and value.rstrip(".… ") in text
    return text[:_COMPARED] in value or begins


def content(answer: Any) -> Any:
    """Return an answer's content: the JSON in a text or in the body of a response."""
    if hasattr(answer, "get_data") and not getattr(answer, "is_streamed", True):
        answer = answer.get_data(as_text=True)
    if isinstance(answer, str):
        with contextlib.suppress(ValueError):
            return json.loads(answer)
    return answer


def leaves(value: Any) -> list[tuple[str, Any]]:
    """Return the values of an answer, each with its key; long answers are cut."""
    found: list[tuple[str, Any]] = []
    waiting: list[tuple[str, Any]] = [("", value)]
    for key, each in waiting:
        if isinstance(each, dict):
            waiting += [(str(name), part) for name, part in islice(each.items(), _LOOKED_AT)]
        elif isinstance(each, (list, tuple)):
            waiting += [(key, part) for part in islice(each, _LOOKED_AT)]
        else:
            found.append((key, repr(each) if isinstance(each, BaseException) else each))
        if len(waiting) > _LOOKED_AT:
            break
    return found
