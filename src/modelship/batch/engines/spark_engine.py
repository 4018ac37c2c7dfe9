"""Define SparkEngine: the executors of a Spark cluster, here or on other machines."""

from __future__ import annotations

import os
import queue
import sys
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from modelship.batch.engines.cluster_engine import ClusterEngine
from modelship.batch.engines.pieces_in_flight import WorkerLostError
from modelship.batch.engines.sent_work import narrowed
from modelship.batch.engines.spark_contexts import short_reason, started_context, without_stacks
from modelship.batch.engines.worker_places import score_here
from modelship.batch.process_limits import cores
from modelship.errors import BatchEngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.batch.batch_plan import Piece
    from modelship.batch.piece_progress import PieceProgress
    from modelship.batch.piece_work import PieceOutcome, Work

__all__ = ["SparkEngine"]

_LOCAL: Final = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}
_USUAL: Final = {
    "spark.app.name": "modelship batch",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


@dataclass(frozen=True)
class SparkEngine(ClusterEngine):
    """Runs pieces as jobs of one task on a Spark cluster, one at a time on each of its cores.

    The Python workers of the executors start the scoring processes as their children, in the
    environment of the bundle: PySpark itself is not in it.

    Parameters
    ----------
    scheduler : str
        The master, such as ``"spark://10.0.0.1:7077"`` or ``"yarn"``; ``""`` to run Spark on this
        machine for the job. All other settings come from Spark's own files and variables.
    workers : int, optional
        How many cores Spark has on this machine; by default all.
    """

    name: ClassVar[str] = "spark"
    library: ClassVar[str] = "pyspark"

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        import pyspark

        users = pyspark.SparkContext._active_spark_context  # noqa: SLF001 - it has no public name
        with without_stacks():
            context = users or self._started()
            try:
                yield context
            finally:
                if users is None:  # and not the user's own connection
                    context.stop()

    def _started(self) -> Any:
        import pyspark

        master = self.scheduler or f"local[{self.workers or cores()}]"
        settings = pyspark.SparkConf().setMaster(master)
        for name, value in (_USUAL if self.scheduler else {**_USUAL, **_LOCAL}).items():
            settings.setIfMissing(name, value)
        context = started_context(settings)
        if not self.scheduler and "PYSPARK_PYTHON" not in os.environ:
            context.pythonExec = sys.executable
        return context

    def _cluster(self, connection: Any, work: Work) -> _SparkCluster:
        return _SparkCluster(connection, work)


class _SparkCluster:
    """The executors of a Spark context; each piece is a job of its own, of one task."""

    def __init__(self, context: Any, work: Work) -> None:
        self._context = context
        self._work = work
        self._group = f"modelship-{uuid.uuid4().hex}"
        self._ended: queue.SimpleQueue[tuple[Piece, PieceOutcome | BaseException]]
        self._ended = queue.SimpleQueue()

    def most(self) -> int:
        try:
            return 2 * max(1, int(self._context.defaultParallelism))
        except Exception as error:  # also if no master answers: Spark says so a minute later
            raise BatchEngineError(
                f"the connection to Spark was lost: {short_reason(error)}"
            ) from error

    def send(self, piece: Piece) -> None:
        import pyspark

        # Python has no action of Spark that does not wait.
        pyspark.InheritableThread(target=self._score, args=(piece,), daemon=True).start()

    def ended(self, *, timeout_s: float) -> list[tuple[Piece, PieceOutcome | BaseException]]:
        try:
            return [self._ended.get(timeout=timeout_s)]
        except queue.Empty:
            return []

    def told(self) -> list[PieceProgress]:
        return []  # Spark tells nothing of a task before it ends

    def end(self) -> None:
        """Abandon the pieces under way; their workers, and so the scoring processes, are killed."""
        with suppress(Exception):  # the cluster may be gone
            self._context.cancelJobGroup(self._group)

    def _score(self, piece: Piece) -> None:
        self._ended.put((piece, self._found(piece)))

    def _found(self, piece: Piece) -> PieceOutcome | BaseException:
        try:
            self._context.setJobGroup(self._group, "modelship batch", interruptOnCancel=True)
            sent = self._context.parallelize([narrowed(self._work, piece)], 1)
            # first() would leave the worker before its end, and Spark would start another one.
            found: PieceOutcome | BaseException = sent.map(_score_or_fail).collect()[0]
        except Exception as error:  # noqa: BLE001 - that of Spark: the worker returns its own
            return self._lost(error)
        return found

    def _lost(self, error: Exception) -> BaseException:
        """Return what became of a piece that has no result."""
        if "No module named 'modelship" in str(error):
            return BatchEngineError(
                "the workers of Spark do not have this modelship",
                advice="Install the same release of modelship-ml[spark] for the Python of the "
                "executors, and name that with PYSPARK_PYTHON.",
            )
        if self._context._jsc is None or self._context._jsc.sc().isStopped():  # noqa: SLF001 - as above
            return BatchEngineError("the connection to Spark was lost")
        return WorkerLostError(short_reason(error))


def _score_or_fail(sent: tuple[Work, Piece]) -> PieceOutcome | BaseException:
    """Score a piece in a worker; return the error of one that failed: Spark would only tell it."""
    try:
        return score_here(*sent)
    except Exception as error:  # noqa: BLE001 - the driver decides
        return error
