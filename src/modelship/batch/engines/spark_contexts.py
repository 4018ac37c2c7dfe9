"""Start Spark for this process, so that Ctrl-C ends it as anything else."""

from __future__ import annotations

import logging
import signal
import tempfile
import threading
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, Final

import psutil

from modelship.batch.process_trees import end_tree
from modelship.errors import BatchEngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["short_reason", "started_context", "without_stacks"]

_PROGRAM: Final = "pyspark-shell"
_SAID_BY_ERRORS: Final = ("KeyboardInterrupt while sending", "Exception while sending")
_TAIL_BYTES: Final = 4000
_LINES: Final = 4


def started_context(settings: Any) -> Any:
    """Return a SparkContext with these settings, whose Java prints nothing.

    Raises
    ------
    BatchEngineError
        If Spark cannot be started, or its master cannot be reached; with what Java has said.
    """
    import pyspark
    from pyspark.java_gateway import launch_gateway

    with tempfile.TemporaryFile() as said, _own_interrupts():
        try:
            with _ending_java():
                is_running = pyspark.SparkContext._gateway is not None  # noqa: SLF001 - as below
                java = None if is_running else launch_gateway(settings, {"stderr": said})
                return pyspark.SparkContext(conf=settings, gateway=java)
        except Exception as error:
            raise BatchEngineError(
                f"Spark cannot be reached or started: {_problem(error, said)}",
                advice="Check the address of its master, and that this machine has the Java that "
                "this release of Spark needs: `java -version`.",
            ) from error


@contextmanager
def without_stacks() -> Iterator[None]:
    """Drop what is logged, with a stack, if Ctrl-C or a lost Java ends a call: errors say it."""

    def is_of_others(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(_SAID_BY_ERRORS)

    root = logging.getLogger()  # it logs there
    root.addFilter(is_of_others)
    try:
        yield
    finally:
        root.removeFilter(is_of_others)


def short_reason(error: BaseException) -> str:
    """Return the line of an error that says what happened: the rest is the stack of the JVM."""
    lines = [each.strip() for each in str(error).splitlines() if each.strip()]
    causes = [each for each in lines if "Exception: " in each]
    return (causes or lines or [type(error).__name__])[-1][:300].rstrip(".")


def _problem(error: Exception, said: IO[bytes]) -> str:
    """Return what happened; of a Java that has ended by itself, its own words."""
    import pyspark

    if pyspark.SparkContext._gateway is None:  # noqa: SLF001 - it has no public name
        return (_words_of(said) or short_reason(error)).rstrip(".")
    return short_reason(error)


@contextmanager
def _own_interrupts() -> Iterator[None]:
    """Keep this process's handler of SIGINT: that of Spark stays after the end of the context.

    It also cancels all jobs from within the handler, whatever the main thread is doing with Java.
    """
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if is_main and before is not None:  # it was set from Python
            signal.signal(signal.SIGINT, before)


@contextmanager
def _ending_java() -> Iterator[None]:
    """End a Java whose start is interrupted: Spark would leave it running forever."""
    import pyspark

    try:
        yield
    except BaseException:
        if pyspark.SparkContext._gateway is None:  # noqa: SLF001 - as above
            for each in psutil.Process().children():
                with suppress(psutil.Error):
                    if _PROGRAM in each.cmdline():
                        end_tree(each.pid)
        raise


def _words_of(said: IO[bytes]) -> str:
    """Return the last lines that Java has said, without its stack."""
    size = said.seek(0, 2)
    said.seek(max(0, size - _TAIL_BYTES))
    lines = [each.strip() for each in said.read().decode(errors="replace").splitlines()]
    return "\n".join([each for each in lines if each and not each.startswith("at ")][-_LINES:])
