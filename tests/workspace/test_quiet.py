"""Silence is for one thread: what others print, log and warn of is not touched."""

import logging
import sys
import threading
import warnings

from modelship.workspace.asking import quiet


def test_what_the_thread_prints_and_logs_is_dropped(capsys, caplog):
    """Prints, the SDK's loggers and its warnings are silent inside, and themselves again after."""
    logger = logging.getLogger("azureml.core.webservice")
    with quiet():
        sys.stdout.write("progress dots\n")
        sys.stderr.write("more\n")
        logger.error("a quoted answer")
    logger.error("afterwards")
    sys.stdout.write("afterwards\n")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("afterwards\n", "")
    assert [record.message for record in caplog.records] == ["afterwards"]


def test_other_threads_go_on_speaking(capsys, caplog):
    """Another thread prints and logs, by the SDK's loggers too, while one is muted."""
    with quiet():
        thread = threading.Thread(target=speak)
        thread.start()
        thread.join()
    assert capsys.readouterr().out == "from beside\n"
    assert [record.message for record in caplog.records] == ["from beside"]


def speak():
    sys.stdout.write("from beside\n")
    logging.getLogger("azureml.core").error("from beside")


def test_threads_may_overlap_in_any_order(capsys):
    """The first one to begin may be the first to end: the streams come back with the last."""
    before = sys.stdout, sys.stderr, warnings.filters
    both, first_done = threading.Barrier(2), threading.Event()

    def first():
        with quiet():
            both.wait(60)
        first_done.set()

    thread = threading.Thread(target=first)
    thread.start()
    with quiet():
        both.wait(60)
        assert first_done.wait(60)
        sys.stdout.write("still muted\n")
    thread.join()
    assert (sys.stdout, sys.stderr, warnings.filters) == before
    assert capsys.readouterr().out == ""
