"""An undecorated run() that answers its input, or does what a key of it says."""

import asyncio
import collections
import datetime
import decimal
import enum
import json
import logging
import os
import pathlib
import signal
import sys
import time
import uuid

import numpy as np


class Color(str, enum.Enum):
    """A text that is an enum."""

    RED = "red"


class Broken(Exception):
    """An exception that cannot be told."""

    def __str__(self):
        """Fail."""
        raise ValueError("no text")


def _generator():
    yield 1


async def _coroutine():
    await asyncio.sleep(0)
    return 1


def _itself():
    made = []
    made.append(made)
    return made


ANSWERS = {
    "none": lambda: None,
    "true": lambda: True,
    "integer": lambda: 7,
    "huge integer": lambda: 10**40,
    "integer beyond digits": lambda: 10**5000,
    "float": lambda: 0.1,
    "tiny float": lambda: 5e-324,
    "negative zero": lambda: -0.0,
    "whole float": lambda: 1e16,
    "text": lambda: "h\u00e9llo \u4e16\u754c \U0001f600 \x00\x1f\x7f\u2028 </script>",
    "lone surrogate": lambda: "\ud800",
    "json text": lambda: '{"a": [1, 2.5, null]}',
    "empty text": lambda: "",
    "list": lambda: [1, [2, [3, []]]],
    "empty list": list,
    "object": lambda: {"b": 1, "a": {"c": None}},
    "empty object": dict,
    "tuple": lambda: (1, (2, 3)),
    "named tuple": lambda: collections.namedtuple("P", "x y")(1, 2),
    "ordered": lambda: collections.OrderedDict(z=1, a=2),
    "defaulting": lambda: collections.defaultdict(list, a=[1]),
    "str enum": lambda: Color.RED,
    "int enum": lambda: signal.Signals.SIGTERM,
    "nan": lambda: [float("nan"), float("inf"), -float("inf")],
    "nan alone": lambda: float("nan"),
    "integer keys": lambda: {1: "a", 2.5: "b", True: "c", None: "d"},
    "same keys": lambda: {1: "a", "1": "b"},
    "tuple keys": lambda: {(1, 2): "a"},
    "bytes": lambda: b"abc",
    "bytes in a list": lambda: [b"abc"],
    "set": lambda: {1, 2},
    "array": lambda: np.arange(3),
    "array in an object": lambda: {"result": np.arange(3)},
    "float64": lambda: np.float64(1.5),
    "float32": lambda: np.float32(1.5),
    "int64": lambda: np.int64(3),
    "float64 in a list": lambda: [np.float64(1.5), np.float64("nan")],
    "numpy bool": lambda: np.bool_(True),
    "numpy str": lambda: np.str_("a"),
    "coroutine": _coroutine,
    "generator": _generator,
    "range": lambda: range(3),
    "datetime": lambda: datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc),
    "decimal": lambda: decimal.Decimal("1.5"),
    "uuid": lambda: uuid.UUID(int=0),
    "object of a class": object,
    "type": lambda: int,
    "circular": _itself,
    "deep": lambda: json.loads("[" * 900 + "]" * 900),
    "long": lambda: list(range(20_000)),
    "two megabytes": lambda: "x" * (2 << 20),
    "print": lambda: print("printed", {"a": 1}, sep="|"),
    "log": lambda: logging.getLogger("azmlinfsrv").info("logged"),
    "root log": lambda: logging.warning("logged at the root"),
    "stderr": lambda: sys.stderr.write("told on stderr\n"),
    "environment": lambda: sorted(
        name
        for name in os.environ
        if name.startswith(("AML_", "AZUREML_", "SERVER_", "WORKER_", "HTTP_X_MS", "SERVICE_"))
    ),
    "folder": lambda: os.path.basename(os.getcwd()) != "",
    "entry": lambda: os.environ["AZUREML_ENTRY_SCRIPT"] == os.path.realpath("score.py"),
    "app root": lambda: os.environ["AML_APP_ROOT"] == os.getcwd(),
    "module": lambda: [__name__, os.path.basename(__file__), __doc__],
    "own path": lambda: os.getcwd() in sys.path,
    "is main": lambda: "entry_module" in sys.modules,
    "thread": lambda: __import__("threading").current_thread().name,
    "handler": lambda: _handler(),
    "alarm": lambda: _alarm(),
    "nap": lambda: time.sleep(0.01),
    "wait": lambda: _wait(),
}


def _handler():
    """Set a handler, which only the main thread may."""
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    return "set"


def _alarm():
    """Return whether a timer runs."""
    return signal.getitimer(signal.ITIMER_REAL)[0] > 0


def _wait():
    """Say that run() works, and work until it may end."""
    pathlib.Path("works").touch()
    while not pathlib.Path("may-end").exists():
        time.sleep(0.01)
    return "waited"


def _raise(error):
    raise error


def _recurse():
    return [_recurse()]


FAILURES = {
    "Exception": lambda: _raise(Exception("secret detail")),
    "ValueError": lambda: _raise(ValueError("h\u00e9")),
    "KeyError": lambda: {}["missing"],
    "TimeoutError": lambda: _raise(TimeoutError("from the script")),
    "StopIteration": lambda: next(iter(())),
    "AssertionError": lambda: _raise(AssertionError),
    "MemoryError": lambda: _raise(MemoryError),
    "huge allocation": lambda: bytearray(1 << 62),
    "RecursionError": _recurse,
    "broken text": lambda: _raise(Broken),
    "group": lambda: _raise(ExceptionGroup("g", [ValueError()])),  # noqa: F821 - from 3.11 on
    "BrokenPipeError": lambda: _raise(BrokenPipeError()),
    "UnicodeDecodeError": lambda: b"\xff".decode(),
    "surrogate": lambda: _raise(Exception("\ud800")),
    "chained": lambda: _chained(),
}
EXITS = {
    "SystemExit": lambda: _raise(SystemExit),
    "sys.exit(0)": lambda: sys.exit(0),
    "sys.exit text": lambda: sys.exit("a last word"),
    "KeyboardInterrupt": lambda: _raise(KeyboardInterrupt),
    "GeneratorExit": lambda: _raise(GeneratorExit),
    "CancelledError": lambda: _raise(asyncio.CancelledError),
    "BaseException": lambda: _raise(BaseException("base")),
    "os._exit": lambda: os._exit(7),
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGSEGV": lambda: os.kill(os.getpid(), signal.SIGSEGV),
}


def _chained():
    try:
        {}["first"]
    except KeyError as error:
        raise RuntimeError("second") from error


def init():
    """Say something."""
    print("init has printed")
    logging.getLogger("azmlinfsrv").info("init has logged")


def run(raw_data):
    """Do what ``do`` says, or answer what came."""
    if raw_data.startswith('{"do":'):
        what = json.loads(raw_data)["do"]
        return {**ANSWERS, **FAILURES, **EXITS}[what]()
    return {"type": type(raw_data).__name__, "points": [ord(each) for each in raw_data[:2000]],
            "length": len(raw_data)}  # fmt: skip
