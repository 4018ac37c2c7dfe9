"""A log may be written a moment after the answer that it explains, as a Docker engine does."""

from types import SimpleNamespace

from modelship.errors import ScoringRequestError
from modelship.targets import health
from modelship.testing.memory import MemoryBackend

LOG = "Traceback (most recent call last):\n  run\nKeyError: 'data'\n"


class LateBackend(MemoryBackend):
    """Has the log when it is asked for the third time."""

    def __init__(self):
        super().__init__()
        self.asked = 0

    def log_end(self, _, *, lines):
        """Return the end of the log."""
        self.asked += 1
        return LOG if self.asked > 2 and lines else "started\n"


def test_the_traceback_of_a_refused_sample_is_waited_for():
    """It is in the error, with its cause."""
    release = SimpleNamespace(digest="0" * 64)
    instance = SimpleNamespace(name="late", instance_id="late-1", release=release)
    refused = ScoringRequestError("http://127.0.0.1:1/score", 500, "1", "'data'")
    error = health.sample_refused(LateBackend(), instance, refused)
    assert error.log_tail.splitlines()[-1] == "KeyError: 'data'"
