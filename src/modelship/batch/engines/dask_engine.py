"""Define DaskEngine: the workers of a Dask cluster, here or on other machines."""

from __future__ import annotations

import queue
import uuid
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from modelship.batch.engines.cluster_engine import ClusterEngine
from modelship.batch.engines.pieces_in_flight import WorkerLostError
from modelship.batch.engines.sent_work import narrowed
from modelship.batch.engines.worker_places import close_here, score_here
from modelship.batch.piece_progress import PieceProgress
from modelship.batch.process_limits import cores
from modelship.errors import BatchEngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.batch.batch_plan import Piece
    from modelship.batch.piece_work import PieceOutcome, Work

__all__ = ["DaskEngine"]

_CONNECTING_S: Final = 30.0
_ENDING_S: Final = 10.0
_TOPIC: Final = "modelship-progress"  # one for all jobs: the scheduler keeps the end of each
_FEWEST: Final = 16  # a cluster that grows with its load has to see one


@dataclass(frozen=True)
class DaskEngine(ClusterEngine):
    """Runs pieces on the workers of a Dask cluster, one at a time on each of their threads.

    Parameters
    ----------
    scheduler : str
        The address of the scheduler, such as ``"tcp://10.0.0.1:8786"``; ``""`` to start a cluster
        on this machine for the job. Its certificates, if it has any, come from Dask's settings.
    workers : int, optional
        How many workers the cluster on this machine has; by default as many as there are cores.
    """

    name: ClassVar[str] = "dask"
    library: ClassVar[str] = "distributed"

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        import distributed

        if not self.scheduler:
            with (
                distributed.LocalCluster(
                    n_workers=self.workers or cores(),
                    threads_per_worker=1,
                    dashboard_address=None,
                    security=True,  # others on this machine could run code in it
                ) as local,
                distributed.Client(local, set_as_default=False) as client,
            ):
                yield client
            return
        try:
            client = distributed.Client(self.scheduler, timeout=_CONNECTING_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise BatchEngineError(
                f"there is no scheduler at {self.scheduler}: {error}",
                advice="Start one with `dask scheduler`, and name the address that it prints.",
            ) from error
        with client:
            yield client

    def _cluster(self, connection: Any, work: Work) -> _DaskCluster:
        return _DaskCluster(connection, work)


class _DaskCluster:
    """The workers that a client reaches."""

    def __init__(self, client: Any, work: Work) -> None:
        self._client = client
        self._work = work
        self._sent: dict[str, tuple[Piece, Any]] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._told: queue.SimpleQueue[PieceProgress] = queue.SimpleQueue()
        self._job = uuid.uuid4().hex
        self._client.subscribe_topic(_TOPIC, self._hear)

    def most(self) -> int:
        threads: dict[str, int] = self._called(self._client.nthreads)
        return max(_FEWEST, 2 * sum(threads.values()))

    def send(self, piece: Piece) -> None:
        future = self._called(
            self._client.submit,
            _score_and_tell,
            *narrowed(self._work, piece),
            self._job,
            key=f"modelship-{uuid.uuid4().hex}",
            pure=False,
        )
        self._sent[future.key] = piece, future
        future.add_done_callback(self._ended.put)

    def ended(self, *, timeout_s: float) -> list[tuple[Piece, PieceOutcome | BaseException]]:
        try:
            future = self._ended.get(timeout=timeout_s)
        except queue.Empty:
            return []
        piece, _ = self._sent.pop(future.key)
        return [(piece, _found(future))]

    def told(self) -> list[PieceProgress]:
        return [self._told.get_nowait() for _ in range(self._told.qsize())]

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        _, message = event
        if message["job"] == self._job:
            self._told.put(PieceProgress(**message["progress"]))

    def end(self) -> None:
        """Abandon the pieces under way, and end the scoring processes."""
        with suppress(Exception):  # the cluster may be gone; what is left of it ends when idle
            self._client.unsubscribe_topic(_TOPIC)
            self._client.cancel([future for _, future in self._sent.values()], force=True)
            self._client.run(
                close_here, self._work.bundle, on_error="ignore", callback_timeout=_ENDING_S
            )

    def _called(self, call: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return call(*arguments, **options)
        except Exception as error:
            if self._client.status == "running":
                raise
            raise BatchEngineError("the scheduler of dask was lost") from error


def _score_and_tell(work: Work, piece: Piece, job: str) -> PieceOutcome:
    """Score a piece in a worker, whose scheduler passes its progress on."""
    import distributed

    worker = distributed.get_worker()

    def tell(progress: PieceProgress) -> None:
        worker.log_event(_TOPIC, {"job": job, "progress": asdict(progress)})

    return score_here(work, piece, tell=tell)


def _found(future: Any) -> PieceOutcome | BaseException:
    """Return the result of a future that is done, or its error."""
    import distributed

    try:
        result: PieceOutcome = future.result(timeout=_CONNECTING_S)
    except (distributed.KilledWorker, CancelledError) as error:
        return WorkerLostError(str(error) or type(error).__name__)
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("modelship"):
            return error
        return BatchEngineError(
            "the workers of dask do not have this modelship",
            advice="Install the same release of modelship-ml[batch,dask] for the workers.",
        )
    except BaseException as error:  # noqa: BLE001 - that of the piece
        return error
    else:
        return result
