"""An engine that runs pieces in this process, and scores rows without a script; and a script."""

from __future__ import annotations

import pyarrow as pa

from modelship.batch.answer_tables import answer_table
from modelship.batch.call_sizes import MeasuredSizes
from modelship.batch.piece_work import score_piece
from modelship.batch.scorer.answer_columns import columns_of_answer
from modelship.batch.scoring_process import CallError

PLUS_ONE = """
import json, time

def init():
    pass

def run(raw_data):
    return [row[0] + 1 for row in json.loads(raw_data)["data"]]
"""


class FakeProcess:
    """Scores rows by adding 1 to their column ``a``; it refuses negative ones."""

    def __init__(self):
        self.calls = []
        self.sizes = MeasuredSizes()

    def start(self):
        """Do nothing: it is in this process."""

    def put(self, table):
        """Keep the rows."""
        self.table = table

    def score(self, first, stop, *, timeout_s):
        """Return the answer to some of them."""
        self.calls.append((first, stop))
        values = self.table.column("a").to_pylist()[first:stop]
        if any(each < 0 for each in values):
            raise CallError("ValueError: a negative number")
        return pa.table({"prediction": [each + 1 for each in values]})


class SlowSizes:
    """Sizes of calls that find each row to take a second, from the first call on."""

    step = 1
    row_s = 1.0
    rows = 5

    def measure(self, _score, _rows, _timeout_s):
        """Make no trials."""
        return []

    def note(self, rows, seconds, *, timeout_s):
        """Do nothing."""


class SlowProcess(FakeProcess):
    """Scores as a FakeProcess does, and seems to be slow."""

    def __init__(self):
        super().__init__()
        self.sizes = SlowSizes()


class Lists(FakeProcess):
    """Answers with a list of as many items as the number of a row; it refuses negative ones."""

    def score(self, first, stop, *, timeout_s):
        """Return the answer to some rows."""
        values = self.table.column("a").to_pylist()[first:stop]
        if any(each < 0 for each in values):
            raise CallError("ValueError: a negative number")
        answers = [_lists_of(each) for each in values]
        return answer_table(*columns_of_answer(answers, rows=len(answers)))


def _lists_of(value):
    """Return the answer to a number."""
    if value == 0:
        return {"y": None, "note": "none, no"}
    return {"y": [float(at) for at in range(value)], "z": [str(value), value]}


class FakeEngine:
    """Runs the pieces one after the other.

    Parameters
    ----------
    process : FakeProcess, optional
        What scores the rows.
    repeats : int
        How many times each piece is run.
    """

    def __init__(self, process=None, *, repeats=1):
        self.process = process or FakeProcess()
        self.repeats = repeats

    def run(self, work, pieces, *, stopped):
        """Yield the results of the pieces."""
        for piece in pieces:
            for _ in range(self.repeats):
                if not stopped.is_set():
                    yield score_piece(work, piece, self.process)
