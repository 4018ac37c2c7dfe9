"""Define RayEngine: the workers of a Ray cluster, here or on other machines."""

from __future__ import annotations

import importlib.util
import logging
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from modelship.batch.engines.cluster_engine import ClusterEngine
from modelship.batch.engines.pieces_in_flight import WorkerLostError
from modelship.batch.engines.sent_work import narrowed
from modelship.batch.engines.worker_places import score_here
from modelship.batch.process_limits import cores
from modelship.errors import BatchEngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.batch.batch_plan import Piece
    from modelship.batch.piece_progress import PieceProgress
    from modelship.batch.piece_work import PieceOutcome, Work

__all__ = ["RayEngine"]

_RETRIES: Final = 3
_TOLD_AFTER_S: Final = 2.0
_TOLD_EVERY_S: Final = 1.0


@dataclass(frozen=True)
class RayEngine(ClusterEngine):
    """Runs pieces as tasks of a Ray cluster, one at a time on each of its CPUs.

    The workers start the scoring processes as their children, in the environment of the bundle:
    Ray itself is not in it.

    Parameters
    ----------
    scheduler : str
        The address of the cluster, such as ``"10.0.0.1:6379"`` or ``"auto"``; ``""`` to start one
        on this machine for the job. Its token, if it has one, comes from Ray's settings.
    workers : int, optional
        How many CPUs the cluster on this machine has; by default as many as there are cores.
    """

    name: ClassVar[str] = "ray"
    library: ClassVar[str] = "ray"

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        import ray

        usual = {"log_to_driver": False, "logging_level": logging.ERROR}
        if ray.is_initialized():  # the user's own connection
            yield ray
            return
        try:
            if self.scheduler:
                ray.init(address=self.scheduler, **usual)
            else:
                ray.init(num_cpus=self.workers or cores(), include_dashboard=False, **usual)
        except Exception as error:
            raise BatchEngineError(
                f"Ray cannot be reached or started: {error}", advice=_advice()
            ) from error
        try:
            yield ray
        finally:
            ray.shutdown()

    def _cluster(self, connection: Any, work: Work) -> _RayCluster:
        return _RayCluster(connection, work)


def _advice() -> str:
    """Return what helps: Ray does not start next to a part of OpenTelemetry without its API."""
    has_part = importlib.util.find_spec("opentelemetry") is not None
    if has_part and importlib.util.find_spec("opentelemetry.metrics") is None:
        return "Install what Ray needs next to opentelemetry-proto: pip install opentelemetry-sdk."
    return "Start it with `ray start --head`, and name the address that it prints."


class _RayCluster:
    """The workers of the cluster that this process is connected to."""

    def __init__(self, ray: Any, work: Work) -> None:
        self._ray = ray
        self._work = work
        self._score = ray.remote(num_cpus=1, max_retries=_RETRIES)(_score_and_tell)
        self._sent: dict[Any, Piece] = {}
        self._board = _Board(ray)

    def most(self) -> int:
        return 2 * max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def send(self, piece: Piece) -> None:
        self._sent[self._score.remote(*narrowed(self._work, piece), self._board.name)] = piece

    def ended(self, *, timeout_s: float) -> list[tuple[Piece, PieceOutcome | BaseException]]:
        done, _ = self._ray.wait(list(self._sent), num_returns=1, timeout=timeout_s)
        return [(self._sent.pop(each), self._found(each)) for each in done]

    def told(self) -> list[PieceProgress]:
        return self._board.told()

    def end(self) -> None:
        """Abandon the pieces under way; their workers, and so the scoring processes, are killed."""
        for each in self._sent:
            with suppress(Exception):  # the cluster may be gone
                self._ray.cancel(each, force=True)

    def _found(self, reference: Any) -> PieceOutcome | BaseException:
        errors = self._ray.exceptions
        try:
            result: PieceOutcome = self._ray.get(reference)
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError) as error:
            return WorkerLostError(str(error))
        except errors.RayTaskError as error:
            cause: BaseException = error.cause
            return cause
        except Exception as error:  # noqa: BLE001 - that of the piece
            return error
        else:
            return result


class _Board:
    """Where workers note the progress of pieces: an actor, as soon as a job takes some time."""

    def __init__(self, ray: Any) -> None:
        self.name = f"modelship-{uuid.uuid4().hex}"
        self._ray = ray
        self._next_s = time.monotonic() + _TOLD_AFTER_S
        self._actor: Any = None
        self._asked: Any = None

    def told(self) -> list[PieceProgress]:
        """Return what is new, about once a second; do not wait."""
        if time.monotonic() < self._next_s:
            return []
        self._next_s = time.monotonic() + _TOLD_EVERY_S
        if self._actor is None:
            self._actor = self._ray.remote(num_cpus=0)(_Notes).options(name=self.name).remote()
        found = self._answer()
        self._asked = self._asked or self._actor.take.remote()
        return found

    def _answer(self) -> list[PieceProgress]:
        """Return the answer to the last question, if it is there."""
        if self._asked is None or not self._ray.wait([self._asked], timeout=0)[0]:
            return []
        asked, self._asked = self._asked, None
        try:
            found: list[PieceProgress] = self._ray.get(asked)
        except self._ray.exceptions.RayError:  # its machine was lost: the next one has another
            self._actor = None
            return []
        return found


class _Notes:
    """The last progress of each piece, until it is taken."""

    def __init__(self) -> None:
        self._last: dict[int, PieceProgress] = {}

    def tell(self, progress: PieceProgress) -> None:
        self._last[progress.piece] = progress

    def take(self) -> list[PieceProgress]:
        taken, self._last = [*self._last.values()], {}
        return taken


def _score_and_tell(work: Work, piece: Piece, board: str) -> PieceOutcome:
    """Score a piece in a worker, and note its progress once there is an actor for it."""
    import ray

    def tell(progress: PieceProgress) -> None:
        ray.get_actor(board).tell.remote(progress)

    return score_here(work, piece, tell=tell)
