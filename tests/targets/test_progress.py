"""Steps, deadlines, and the relevant part of a log."""

import io
import queue

import pytest

from modelship import progress
from modelship.evaluation import Evaluator
from modelship.progress import Deadline, DeadlineExceededError, Steps, doing, showing
from modelship.targets.logtail import last_lines, relevant_part

LOG = """booting
Traceback (most recent call last):
  old
KeyError: 'old'
worker again
Traceback (most recent call last):
  File "score.py", line 3, in init
ValueError: new
Worker exiting
"""


def test_steps_are_shown_with_their_outcome_and_duration(capsys):
    """Elsewhere than on a terminal each step is one plain line on stderr."""
    steps = Steps("svc on process", timeout_s=10, show_output=True)
    with steps.step("Build"):
        pass
    with pytest.raises(KeyError), steps.step("Start"):
        raise KeyError
    shown = capsys.readouterr()
    assert shown.out == ""
    first, second = shown.err.splitlines()
    assert first.startswith("[svc on process] Build: done in ")
    assert second.startswith("[svc on process] Start: failed in ")


def test_steps_are_silent_on_request(capsys):
    """Without show_output nothing is written anywhere."""
    with Steps("x", timeout_s=1).step("Build"):
        pass
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_a_step_has_a_clock_and_says_what_is_done_of_it(monkeypatch):
    """A name in square brackets is shown as it is, and is no markup."""
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with showing("[svc on process] Prepare"), doing("install 31 packages"), showing("Fetch"):
        pass
    shown = progress.sys.stderr.getvalue()
    assert "[svc on process] Prepare" in shown
    assert "0:00:00" in shown


def test_elsewhere_what_takes_long_is_told_from_time_to_time(monkeypatch):
    """What is done of it stands behind it; the first line comes after some seconds."""
    lines = queue.Queue()
    monkeypatch.setattr(progress, "_FIRST_LINE_S", 0.01)
    monkeypatch.setattr(progress, "write_line", lines.put)
    with showing("Check the bundle"), doing("try the script") as say:
        say("try init()")
        while "init()" not in (line := lines.get(timeout=30)):
            pass
    assert line.startswith("Check the bundle: try init() … ")


def test_what_scores_rows_within_a_step_is_a_detail_of_it(monkeypatch):
    """Two displays would disturb each other, as in the gate of a deployment."""
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    evaluator = Evaluator([[0], [1], [2]], [0, 1, 2], task="regression", batch_size=1)
    with Steps("svc on process", timeout_s=60, show_output=True).step("Evaluate"):
        evaluator.evaluate(lambda rows: [row[0] for row in rows])
    assert "scoring" not in progress.sys.stderr.getvalue()


def test_what_is_soon_done_or_hidden_writes_nothing(capsys):
    """A step that is not shown hides what is done of it, also within one that is shown."""
    with showing("Check"), doing("read"), showing("Trial", shown=False), doing("try"):
        pass
    with doing("nothing is under way"):
        pass
    assert capsys.readouterr() == ("", "")


def test_an_activity_is_shown_only_if_it_takes_long(monkeypatch, capsys):
    """A place that is fast gets no line for it."""
    steps = Steps("svc", timeout_s=60, show_output=True)
    with steps.activity("Route the requests to it"):
        pass
    assert capsys.readouterr().err == ""
    lines = queue.Queue()
    monkeypatch.setattr(progress, "_FIRST_LINE_S", 0.01)
    monkeypatch.setattr(progress, "write_line", lines.put)
    with steps.activity("Route the requests to it"):
        assert lines.get(timeout=30).startswith("[svc] Route the requests to it")


def test_no_step_begins_after_the_deadline():
    """The deadline spans all steps, and the current one is known."""
    steps = Steps("x", timeout_s=0)
    with pytest.raises(DeadlineExceededError), steps.step("Build"):
        pytest.fail("the body must not run")
    assert Deadline(0).remaining_s == 0
    assert Deadline(60).remaining_s > 50


def test_the_telling_part_of_a_log_is_its_last_traceback():
    """A crash of today is shown, not yesterday's."""
    part = relevant_part(LOG)
    assert part.splitlines()[0] == "Traceback (most recent call last):"
    assert "ValueError: new" in part
    assert "old" not in part


def test_a_log_without_a_traceback_is_shown_by_its_end():
    """Whatever it said last is better than nothing."""
    assert relevant_part("\n".join(f"line {n}" for n in range(100))).endswith("line 99")
    assert relevant_part("") == ""
    assert last_lines("a\nb\nc", 2) == "b\nc"
    assert last_lines("a\nb\nc", 0) == ""
