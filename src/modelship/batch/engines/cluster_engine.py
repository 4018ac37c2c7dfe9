"""Define ClusterEngine: what the engines have in common whose workers may be on other machines."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from modelship.batch.engines.pieces_in_flight import results_of
from modelship.batch.engines.sent_work import sent_bundle
from modelship.evaluation.extras import needs_extra

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from modelship.batch.batch_plan import Piece
    from modelship.batch.engines.pieces_in_flight import Cluster
    from modelship.batch.piece_work import PieceOutcome, Work

__all__ = ["ClusterEngine"]


@dataclass(frozen=True)
class ClusterEngine(ABC):
    """Runs pieces on the workers of a cluster. A subclass connects to it.

    Parameters
    ----------
    scheduler : str
        The address of the cluster; ``""`` to start one on this machine for the job.
    workers : int, optional
        How many workers that one has; by default as many as there are cores.

    Raises
    ------
    MissingExtraError
        If the library of the engine is not installed.
    """

    name: ClassVar[str]
    """Its name, which is also that of its extra."""

    library: ClassVar[str]
    """The module that it needs."""

    scheduler: str = ""
    workers: int | None = None

    def __post_init__(self) -> None:
        with needs_extra(self.name, purpose=f"The engine {self.name}"):
            importlib.import_module(self.library)

    def run(
        self, work: Work, pieces: Sequence[Piece], *, stopped: threading.Event
    ) -> Iterator[PieceOutcome]:
        """Yield the results of pieces as they end; see :class:`Engine`."""
        with sent_bundle(work) as sent, self._connected() as connection:
            cluster = self._cluster(connection, sent)
            try:
                yield from results_of(cluster, pieces, stopped=stopped)
            finally:
                cluster.end()

    @abstractmethod
    def _connected(self) -> AbstractContextManager[Any]:
        """Connect to the cluster, or start it, while the body runs."""

    @abstractmethod
    def _cluster(self, connection: Any, work: Work) -> Cluster:
        """Return what sends pieces to it."""
