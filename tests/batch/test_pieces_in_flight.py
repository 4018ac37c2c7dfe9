"""Every piece that a cluster is sent has a result, or the error that is its own."""

import threading
from collections import Counter
from types import SimpleNamespace

import pytest

from modelship import errors
from modelship.batch.engines.pieces_in_flight import WorkerLostError, results_of
from modelship.batch.piece_progress import PieceProgress


class FakeCluster:
    """Scores a piece at once; `failures` are the errors of a piece's first tries."""

    def __init__(self, failures=None, most=4):
        self.failures = failures or {}
        self.tries = Counter()
        self.under_way = []
        self.tells = False
        self.most_at_once = 0
        self._most = most

    def most(self):
        return self._most

    def send(self, piece):
        self.under_way.append(piece)
        self.most_at_once = max(self.most_at_once, len(self.under_way))

    def ended(self, *, timeout_s):
        piece = self.under_way.pop(0)
        tried = self.tries[piece.number]
        self.tries[piece.number] += 1
        errors_of = self.failures.get(piece.number, [])
        return [(piece, errors_of[tried] if tried < len(errors_of) else piece.number)]

    def told(self):
        return [PieceProgress(each, 1, 0, 1.0) for each in range(20)] if self.tells else []


@pytest.fixture
def pieces():
    """Return 20 pieces."""
    return [SimpleNamespace(number=each) for each in range(20)]


def run(cluster, pieces, stopped=None):
    """Return an iterator over the results."""
    return results_of(cluster, pieces, stopped=stopped or threading.Event())


def test_each_piece_has_its_result(pieces):
    """All pieces are sent, and no more at a time than the cluster takes."""
    cluster = FakeCluster()
    assert sorted(run(cluster, pieces)) == list(range(20))
    assert cluster.most_at_once == 4


def test_the_progress_of_pieces_under_way_is_yielded(pieces):
    """That of a piece which is done, or has not begun, would be counted twice."""
    cluster = FakeCluster(most=2)
    cluster.tells = True
    first, *found = run(cluster, pieces)
    assert first == 0
    assert [each.piece for each in found[:1]] == [1]
    done = [each for each in found if isinstance(each, int)]
    assert done == list(range(1, 20))
    for at, each in enumerate(found):
        assert isinstance(each, int) or each.piece in found[at:]


@pytest.mark.parametrize("error", [WorkerLostError("killed"), OSError("disk full")])
def test_a_piece_is_sent_again_where_a_machine_may_be_the_cause(pieces, error):
    """A lost worker, or its disk, costs a try; the piece has a result all the same."""
    cluster = FakeCluster({3: [error, error]})
    assert sorted(run(cluster, pieces)) == list(range(20))
    assert cluster.tries[3] == 3


def test_a_piece_that_loses_each_worker_ends_the_job(pieces):
    """The third loss is not taken for bad luck."""
    cluster = FakeCluster({3: [WorkerLostError("killed")] * 3})
    with pytest.raises(errors.BatchEngineError, match="lost its worker 3 times"):
        list(run(cluster, pieces))


def test_the_error_of_a_piece_is_raised(pieces):
    """What is not the fault of a machine is not tried again; results before it are kept."""
    results, cluster = [], FakeCluster({3: [ValueError("of the script")]})
    with pytest.raises(ValueError, match="of the script"):
        results.extend(run(cluster, pieces))
    assert cluster.tries[3] == 1


def test_a_stop_ends_it_early(pieces):
    """Once stopped, no more pieces are sent."""
    stopped, cluster = threading.Event(), FakeCluster(most=2)
    results = run(cluster, pieces, stopped)
    next(results)
    stopped.set()
    assert list(results) == []
    assert sum(cluster.tries.values()) == 1
