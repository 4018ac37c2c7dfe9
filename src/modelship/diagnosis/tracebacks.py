"""Read a log: its lines, its tracebacks, and which of their files are the user's own."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "LINKS",
    "TRACEBACK",
    "WRAPPER",
    "Frame",
    "Traceback",
    "chains",
    "clean_lines",
    "error_document",
    "library_of",
    "place_in_bundle",
]

TRACEBACK: Final = "Traceback (most recent call last)"
LINKS: Final = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
"""The separators between the tracebacks of one chain, as Python's traceback module writes them."""

WRAPPER: Final = "azureml_inference_server_http.server.user_script.UserScript"
"""Azure ML's server raises this from the script's exception; it adds no information."""

_WRAPPERS = frozenset({"UserScriptException", "UserScriptImportException"})
_FRAME = re.compile(r'\s*File "(?P<path>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_RAISED = re.compile(r"(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$")
# A message may have several lines; these are written by other programs after it.
_ENDS_MESSAGE = re.compile(
    r"\s*$|\[?\d{4}-\d\d-\d\d[ T]|\s*(?:ERROR|WARNING|error|note|hint): |\[|Worker |Shutting down:"
)
_FRAME_INDENT = 2
_MOST_TRACEBACKS = 200
_MOST_LINES = 2_000
_MESSAGE_LINES = 6


@dataclass(frozen=True)
class Frame:
    """One frame of a traceback; ``source`` is the line of code, ``""`` if none was shown."""

    path: str
    line: int
    function: str
    source: str = ""

    @property
    def place(self) -> str:
        """Its file as the bundle names it; ``""`` if it is of a library."""
        return place_in_bundle(self.path)

    @property
    def where(self) -> str:
        """``"score.py:12"``, or ``""`` if it is of a library."""
        return f"{self.place}:{self.line}" if self.place else ""


@dataclass(frozen=True)
class Traceback:
    """One exception in a log, from line `first` to line `last`, both counted from 0."""

    first: int
    last: int
    frames: tuple[Frame, ...]
    kind: str
    message: str

    @property
    def is_wrapper(self) -> bool:
        """Whether the server raised it only to report that the script had raised another."""
        return self.kind.rpartition(".")[2] in _WRAPPERS

    @property
    def script_frames(self) -> tuple[Frame, ...]:
        """The frames that are in the script's folder."""
        return tuple(frame for frame in self.frames if frame.place)

    @property
    def library(self) -> str:
        """The import name of the library that raised it; ``""`` if the script did."""
        return library_of(self.frames[-1].path) if self.frames else ""

    @property
    def evidence(self) -> tuple[str, ...]:
        """The last frames in the script, and the exception raised."""
        shown = []
        for frame in self.script_frames[-2:]:
            inside = f", in {frame.function}" if frame.function else ""
            shown.append(f'File "{frame.place}", line {frame.line}{inside}')
            shown += [f"  {frame.source}"] if frame.source else []
        message = self.message.splitlines()[:3] or [""]
        return (*shown, f"{self.kind}: {message[0]}".rstrip(": "), *message[1:])


def chains(lines: Sequence[str]) -> list[tuple[Traceback, ...]]:
    """Return the tracebacks of a log, grouped by exception chain.

    In each chain the first cause comes first. Only the last two hundred tracebacks are read.
    """
    starts = [n for n, line in enumerate(lines) if TRACEBACK in line][-_MOST_TRACEBACKS:]
    found: list[list[Traceback]] = []
    for start in starts:
        traceback = _read(lines, start)
        if traceback is None:
            continue
        before = found[-1][-1].last if found else start
        if any(line.strip() in LINKS for line in lines[before:start]):
            found[-1].append(traceback)
        else:
            found.append([traceback])
    return [tuple(chain) for chain in found]


def _read(lines: Sequence[str], start: int) -> Traceback | None:
    """Parse the traceback whose heading is the line `start`; None if its end is missing."""
    indent = _indent_of(lines, start)
    frames: list[Frame] = []
    for number in range(start + 1, min(start + _MOST_LINES, len(lines))):
        line = lines[number][indent:]
        if match := _FRAME.match(line):
            frames.append(Frame(match["path"], int(match["line"]), match["function"] or ""))
        elif line.startswith((" ", "\t")):
            _add_source(frames, line)
        elif match := _RAISED.match(line):
            message = [match["message"] or "", *_rest_of_message(lines, number + 1, indent)]
            last = number + len(message) - 1
            text = "\n".join(message).strip()
            return Traceback(start, last, tuple(frames), match["kind"], text)
        else:
            return None
    return None


def _indent_of(lines: Sequence[str], start: int) -> int:
    """Return the indentation of a traceback: modelship's server indents it below its heading."""
    heading = lines[start]
    if heading.lstrip().startswith(TRACEBACK):
        return len(heading) - len(heading.lstrip())
    below = lines[start + 1] if start + 1 < len(lines) else ""
    return max(0, len(below) - len(below.lstrip()) - _FRAME_INDENT) if _FRAME.match(below) else 0


def _add_source(frames: list[Frame], line: str) -> None:
    source = line.strip()
    if frames and not frames[-1].source and source.strip("~^ "):
        last = frames[-1]
        frames[-1] = Frame(last.path, last.line, last.function, source)


def _rest_of_message(lines: Sequence[str], start: int, indent: int) -> list[str]:
    rest = []
    for line in lines[start : start + _MESSAGE_LINES]:
        if not line.startswith(" " * indent) or _ENDS_MESSAGE.match(line) or TRACEBACK in line:
            break
        rest.append(line[indent:])
    return rest


# Where the server runs the script: in a container of Azure or ours, and in a service of the target
# ``process``. For a while, Azure ML put a folder with a random name below the first of them.
_ROOTS = re.compile(
    r"^(?:.*/)?(?:var|structure)/azureml-app/(?:[0-9a-f]{8}-[0-9a-f-]{27}/)?(?P<place>.+)$"
    r"|^.*/process/[^/]+/app/(?P<app>.+)$"
)
_LIBRARY = re.compile(r"/(?:site|dist)-packages/(?P<name>\w+)")
_NOT_OURS = re.compile(
    r"^<|\.pyx$|/(?:site|dist)-packages/|/lib/python\d|/azureml-server/|importlib/|/pickle\.py$"
    r"|/modelship/(?:testing|targets|bundle)/"
)


def place_in_bundle(path: str) -> str:
    """Return a file's path in the bundle; ``""`` if it is of Python or of a library."""
    if _NOT_OURS.search(path):
        return ""
    match = _ROOTS.match(path)
    if match:
        return match["place"] or match["app"]
    return path.rpartition("/")[2]


def library_of(path: str) -> str:
    """Return the import name of the library that a file belongs to, or ``""``."""
    if path.endswith(".pyx"):
        return path.partition("/")[0]
    match = _LIBRARY.search(path)
    return match["name"] if match else ""


# The lines kept of a long log: its start and its end.
_HEAD_CHARS = 250_000
_TAIL_CHARS = 4_000_000
_LINE_CHARS = 2_000
_HEAD_LINES = 2_000
_TAIL_LINES = 50_000

_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_PREFIX = re.compile(
    r"""
    (?:\[pod/[^\]\s]+\]\ )?                              # kubectl logs --prefix
    (?:[\w.-]+\s+\|\ )?                                  # docker compose logs
    (?:\d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d)      # docker logs --timestamps, and Azure's
       (?:\ std(?:out|err)\ [FP])?\ ?                    # the files of containerd
    )?
    """,
    re.VERBOSE,
)
_DOCUMENT = re.compile(r'\{\s*"(?:code|error|statusCode)"\s*:')
_DOCKER_JSON = '{"log":'
# With so many escaped line breaks for each real one, the text was taken from a JSON document.
_ESCAPED_PER_LINE = 4


def clean_lines(log: str) -> list[str]:
    """Return the lines of `log` without colors and the prefixes added by other programs.

    Of a log over four million characters, or over fifty thousand lines, only the beginning and the
    end are read.
    """
    if len(log) > _HEAD_CHARS + _TAIL_CHARS:
        log = log[:_HEAD_CHARS] + "\n" + log[-_TAIL_CHARS:]
    if log.count("\\n") > _ESCAPED_PER_LINE * (1 + log.count("\n")):
        log = log.replace("\\n", "\n").replace('\\"', '"').replace("\\'", "'")
    lines = log.splitlines()
    if len(lines) > _HEAD_LINES + _TAIL_LINES:
        lines = lines[:_HEAD_LINES] + lines[-_TAIL_LINES:]
    return [_clean(line) for line in lines]


def error_document(log: str) -> Mapping[str, Any] | None:
    """Return the error document of Azure in a text, as its SDK and its CLI print it."""
    match = _DOCUMENT.search(log, 0, _HEAD_CHARS)
    if match is None:
        return None
    try:
        document, _ = json.JSONDecoder().raw_decode(log[match.start() : _HEAD_CHARS])
    except (ValueError, RecursionError):
        return None
    inner = document.get("error", document)
    return inner if isinstance(inner, dict) else None


def _clean(line: str) -> str:
    line = line[:_LINE_CHARS]
    if line.startswith(_DOCKER_JSON):
        line = _message_of(line)
    if "\x1b" in line:
        line = _COLORS.sub("", line)
    prefix = _PREFIX.match(line)
    return line[prefix.end() :] if prefix else line


def _message_of(line: str) -> str:
    """Return the message in a line of Docker's json-file log driver."""
    try:
        document = json.loads(line)
    except ValueError:  # it was truncated
        return line
    return str(document["log"]).rstrip("\n") if isinstance(document, dict) else line
