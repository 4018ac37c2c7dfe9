"""A store that does not answer is named on stderr, and its driver does not wait for long."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from fsspec import asyn

from modelship.batch import store_waits
from modelship.batch.store_errors import without_traces
from modelship.batch.store_systems import in_time, opened_system
from modelship.batch.store_waits import answering, say_wait, showing_waits
from waiting import wait_until


def test_a_wait_is_shown_with_what_is_waited_for(monkeypatch):
    """At growing intervals, whichever thread waits."""
    lines, at_s = [], []

    def note(line):
        at_s.append(time.monotonic())
        lines.append(line)

    def wait():
        with answering("s3://bucket/out"):
            wait_until(lambda: len(lines) > 2)

    monkeypatch.setattr(store_waits, "write_line", note)
    with showing_waits(first_s=0.1):
        began_s = time.monotonic()
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join()
    assert all(re.fullmatch(r"waiting for s3://bucket/out: no answer for \d s", x) for x in lines)
    assert all(each - began_s >= 0.1 * 2**at for at, each in enumerate(at_s))


def test_no_wait_is_shown_where_output_is_not_wanted(capsys):
    """However long it takes."""
    with showing_waits(shown=False, first_s=0.01), answering("s3://bucket/out"):
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_a_line_is_shown_only_if_waits_are(capsys):
    """With --quiet it is not."""
    say_wait("one")
    with showing_waits():
        say_wait("two")
    assert capsys.readouterr().err == "two\n"


def test_asyncio_tells_nothing_of_connections_that_a_store_closed(caplog):
    """The driver raises an error of its own; all else is logged."""
    with without_traces():
        for error in (ConnectionResetError(), ValueError()):
            text = "Task exception was never retrieved"
            logging.getLogger("asyncio").error(text, exc_info=error)
    assert [type(each.exc_info[1]) for each in caplog.records] == [ValueError]


@pytest.mark.long
@pytest.mark.parametrize("given", [{}, {"connect_timeout": 7, "retries": {"max_attempts": 9}}])
def test_limits_of_a_driver_are_those_of_the_user_where_there_are_some(given, monkeypatch):
    """Others are set, so that a store that hangs is an error within 80 s."""
    pytest.importorskip("s3fs")
    from fsspec.config import conf

    monkeypatch.setitem(conf, "s3", {"config_kwargs": given} if given else {})
    config = opened_system("S3://bucket/out")[0].config_kwargs
    assert config["connect_timeout"] == given.get("connect_timeout", 5)
    assert config["read_timeout"] == 12
    assert config["retries"].get("total_max_attempts") == (None if given else 3)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "8")
    assert ("retries" in opened_system("s3a://bucket/out")[0].config_kwargs) == bool(given)


@pytest.mark.long
def test_a_store_that_hangs_is_an_error_after_few_tries(monkeypatch):
    """It accepts connections, and never answers: six tries in all, not 25."""
    pytest.importorskip("s3fs")
    from fsspec.config import conf

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        given = {"endpoint_url": url, "key": "a", "secret": "b"}
        monkeypatch.setitem(conf, "s3", {**given, "config_kwargs": {"read_timeout": 0.2}})
        system, place = opened_system("s3://bucket/out")
        began = time.monotonic()
        with pytest.raises(OSError, match="timeout"):
            system.info(place)
        assert time.monotonic() - began < 15


def test_what_a_store_does_not_take_is_not_sent_for_ever():
    """Drivers have no limit while they send."""

    class Hanging:
        async_impl = True
        loop = asyn.get_loop()

        async def _pipe_file(self, _path, _content):
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError, match=r"no answer for 0 s"):
        in_time(Hanging(), "pipe_file", "bucket/out", b"", size_bytes=0, limit_s=0.1)


@pytest.mark.parametrize(("own_s", "expected_s"), [(60, 360), (1, 80), (None, 80)])
def test_a_job_waits_as_long_as_the_user_lets_the_driver(monkeypatch, own_s, expected_s):
    """A longer time limit of the driver is one of the whole operation, too."""
    waited = []
    monkeypatch.setattr(asyn, "sync", lambda *_, timeout: waited.append(timeout))
    system = SimpleNamespace(
        async_impl=True, loop=None, _info=print, config_kwargs={"read_timeout": own_s}
    )
    in_time(system, "info", "bucket/out")
    assert waited == [expected_s]
