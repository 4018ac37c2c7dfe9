"""Write log lines in the format of Azure ML's inference server, or as JSON.

``2026-01-31 12:00:00,123 I [42] azmlinfsrv - POST /score 200 1.234ms 3``, in UTC. The output of a
script's print() goes to the logger ``azmlinfsrv.print``. A ``logging.json`` in the bundle's folder
is applied. Only the first line of a record is not indented; see :mod:`.margins`.
"""

from __future__ import annotations

import builtins
import functools
import json
import logging
import logging.config
import os
import sys
import time
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .margins import Indented, ScriptStream, end_lines, indented

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .http_contract import HttpAnswer, Request
    from .settings import Settings

__all__ = ["AccessLog", "configure", "last_line", "logger", "note", "say", "told"]

logger = logging.getLogger("azmlinfsrv")

_FORMAT = "%(asctime)s %(levelname).1s [%(process)d] %(name)s - %(message)s"
_LEVELS = {"I": "INFO", "E": "ERROR", "C": "CRITICAL"}
_print = builtins.print


def configure(settings: Settings) -> None:
    """Configure the loggers, and redirect a script's print() to the log."""
    handler = _Handler(sys.stdout)
    handler.setFormatter(_JsonFormatter() if settings.json_logs else Indented(_formatter()))
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    _obey(settings.app_root / "logging.json")
    builtins.print = _print_to_log
    for name in ("stdout", "stderr"):
        as_object = functools.partial(_object, f"azmlinfsrv.{name}") if settings.json_logs else None
        setattr(sys, name, ScriptStream.around(getattr(sys, name), as_object=as_object))
    if settings.strict:
        logging.basicConfig()  # so that a call by the script has no effect
    elif logging.lastResort:
        logging.lastResort.setFormatter(logging.Formatter(logging.BASIC_FORMAT))


def note(text: str, *, level: str = "I", as_json: bool) -> None:
    """Write a line in a process without a script and loggers; `level` is I, E or C."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
    if as_json:
        line = json.dumps(_fields(stamp, now, _LEVELS[level], "azmlinfsrv", text))
    else:
        line = f"{stamp},{int(now % 1 * 1000):03d} {level} [{os.getpid()}] azmlinfsrv - {text}"
    with suppress(OSError, ValueError):  # the reader may be gone, or the disk full
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def say(lines: Iterable[str], *, as_json: bool) -> None:
    """Write the server's lines unformatted, before there is a script; or each as a JSON object."""
    written = map(functools.partial(_object, "azmlinfsrv") if as_json else indented, lines)
    with suppress(OSError, ValueError):  # as above
        sys.stdout.writelines(f"{line}\n" for line in written)
        sys.stdout.flush()


def told(cause: BaseException) -> str:
    """Format a traceback from the script's frames on, without the server's own."""
    own = (os.path.dirname(__file__), "<frozen importlib")  # noqa: PTH120 - frames name their files as strings
    frames = cause.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(own):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(cause), cause, frames))


def last_line(cause: BaseException) -> str:
    """Return the last line of a traceback: the exception's type and message."""
    return "".join(traceback.format_exception_only(type(cause), cause)).strip().split("\n")[-1]


class AccessLog:
    """One line per scored request, written in batches: a write costs more than a line.

    Other log records are written after the lines that precede them.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._lines: list[str] = []
        # A logging.json of the user's decides the format of the lines.
        handler = logger.handlers[0] if logger.handlers else None
        is_ours = isinstance(handler, _Handler)
        self._as_json = is_ours and as_json
        self._as_text = is_ours and not as_json
        self._stream = handler.stream if isinstance(handler, _Handler) else sys.stdout
        self._now_ms = -1
        self._begin = ""
        self._pid = os.getpid()
        _Handler.before = self.flush

    def note(self, request: Request, answer: HttpAnswer, duration_s: float) -> None:
        """Buffer one line until :meth:`flush`."""
        size = len(answer.body) if answer.parts is None else "N/A"
        ms = duration_s * 1000
        # Not the query, which may contain a secret.
        said = f"{request.method} {request.path} {answer.status} {ms:.3f}ms {size}"
        if self._as_text:
            now_ms = int(time.time() * 1000)
            if now_ms != self._now_ms:
                self._now_ms = now_ms
                self._begin = self._beginning(now_ms)
            self._lines.append(self._begin + said)
        elif self._as_json:
            now = time.time()
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
            fields = _fields(stamp, now, "INFO", "azmlinfsrv", said)
            fields |= {"request_id": request.identities.request_id.decode("latin-1")}
            fields |= {"status": answer.status, "duration_ms": round(ms, 3)}
            self._lines.append(json.dumps(fields))
        else:
            logger.info(said)

    def _beginning(self, now_ms: int) -> str:
        """Return the common start of all lines of one millisecond."""
        second, ms = divmod(now_ms, 1000)
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(second))
        return f"{stamp},{ms:03d} I [{self._pid}] azmlinfsrv - "

    def flush(self) -> None:
        """Write the buffered lines."""
        if self._lines:
            lines, self._lines = self._lines, []
            with suppress(OSError):  # the reader may be gone, or the disk full
                end_lines()
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]  # Python 3.10 takes none
    """Writes a record after the lines that are still buffered."""

    before: Any = None

    def emit(self, record: logging.LogRecord) -> None:
        if _Handler.before is not None:
            _Handler.before()
        end_lines()
        super().emit(record)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(record.created))
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        return json.dumps(
            _fields(stamp, record.created, record.levelname, record.name, message)
            | getattr(record, "fields", {})
        )


def _fields(stamp: str, created: float, level: str, name: str, message: str) -> dict[str, object]:
    at = f"{stamp.replace(' ', 'T')}.{int(created % 1 * 1000):03d}Z"
    return {"time": at, "level": level, "logger": name, "pid": os.getpid(), "message": message}


def _object(name: str, line: str) -> str:
    """Return a line written by a script as a JSON object."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
    return json.dumps(_fields(stamp, now, "INFO", name, line))


def _formatter() -> logging.Formatter:
    formatter = logging.Formatter(_FORMAT)
    formatter.converter = time.gmtime
    return formatter


def _obey(file: Path) -> None:
    if file.is_file():
        logging.config.dictConfig(json.loads(file.read_bytes()))
        for each in (logging.root, *logging.root.manager.loggerDict.values()):
            for handler in getattr(each, "handlers", ()):
                handler.setFormatter(Indented(handler.formatter or logging.Formatter()))
        logger.info("Loaded logging config from %s", file)


@functools.wraps(print)
def _print_to_log(
    *objects: object,
    sep: str | None = " ",
    end: str | None = "\n",
    file: Any = None,
    flush: bool = False,
) -> None:
    if file is None or file is sys.stdout:
        logging.getLogger("azmlinfsrv.print").info(
            (" " if sep is None else sep).join(map(str, objects))
        )
    else:
        _print(*objects, sep=sep, end=end, file=file, flush=flush)
