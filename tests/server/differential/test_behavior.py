"""What one request does not show: health beside a score, the log, the end."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from differential.servers import KINDS as ALL_KINDS
from differential.wire import Sent, ask, post, send
from waiting import wait_until

_TIMEOUT_S = 20.0
# What is expected was seen on the reference, whose version is pinned.
KINDS = [
    pytest.param(each, marks=pytest.mark.long) if each == "reference" else each
    for each in ALL_KINDS
]
_LINES = (
    r"{time} I {pid} azmlinfsrv\.print - init has printed",
    r"{time} I {pid} azmlinfsrv - init has logged",
    r"{time} I {pid} azmlinfsrv\S* - Invoking user's init function",
    r"{time} I {pid} azmlinfsrv\S* - Users's init has completed successfully",
    r"{time} I {pid} azmlinfsrv\S* - Found user script at .*/score\.py",
    r"{time} I {pid} azmlinfsrv\.print - printed\|{{'a': 1}}",
    r"{time} I {pid} azmlinfsrv - logged",
    r"{margin}WARNING:root:logged at the root",
    r"{margin}told on stderr",
    r"{time} I {pid} azmlinfsrv - POST /score 200 \d+\.\d{{3}}ms 2",
    r"{time} I {pid} azmlinfsrv - POST /score 500 \d+\.\d{{3}}ms 92",
    r"{time} I {pid} azmlinfsrv - HEAD /score 405 \d+\.\d{{3}}ms 33",
    r"{time} E {pid} azmlinfsrv - Encountered Exception: Traceback \(most recent call last\):",
    r'{margin}  File ".*/score\.py", line \d+, in run',
    r"{margin}KeyError: 'missing'",
)
_TOLD = ("print", "log", "root log", "stderr", "KeyError")


def _pattern(line, kind):
    told = {"time": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "pid": r"\[\d+\]"}
    told["margin"] = "" if kind == "reference" else "    "
    return re.compile(f"^{line.format(**told)}$", re.MULTILINE)


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_has_the_same_lines(serving, kind):
    """What a script prints and logs, its traceback and a line for each score are in each log."""
    server = serving.running(kind, script="plain")
    for what in _TOLD:
        server.answers(post(what, f'{{"do": "{what}"}}'.encode()))
    server.answers(post("a query", b'{"do": "none"}', path="/score?key=secret"))
    server.answers(send("HEAD", method="HEAD"))

    def missing():
        return [line for line in _LINES if not _pattern(line, kind).search(server.log)]

    wait_until(lambda: not missing(), describe=lambda: "\n".join((*missing(), server.log[-3000:])))
    assert '"GET / HTTP/1.1"' not in server.log
    assert " - GET / " not in server.log
    assert kind == "reference" or "secret" not in server.log


@pytest.mark.parametrize("kind", KINDS)
def test_health_beside_a_score(serving, kind):
    """The reference answers health when the score has ended, ours at once."""
    server = serving.start(kind, script="plain")
    server.wait_until_healthy()
    with ThreadPoolExecutor(2) as pool:
        score = pool.submit(server.answers, post("wait", b'{"do": "wait"}'))
        wait_until((server.folder / "works").exists)
        health = pool.submit(server.answers, send("health", path="/"))
        if kind != "reference":
            assert health.result(_TIMEOUT_S)[0].body == b"Healthy"
        assert not score.done()
        assert kind != "reference" or not health.done()
        (server.folder / "may-end").touch()
        assert score.result(_TIMEOUT_S)[0].body == b'"waited"'
        assert health.result(_TIMEOUT_S)[0].body == b"Healthy"
    server.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_work_in_flight_is_finished_at_the_end(serving, kind):
    """SIGTERM lets a score end, and then the server, with exit code 0."""
    server = serving.start(kind, script="plain")
    server.wait_until_healthy()
    with ThreadPoolExecutor(1) as pool:
        score = pool.submit(server.answers, post("wait", b'{"do": "wait"}'))
        wait_until((server.folder / "works").exists)
        server.process.terminate()
        (server.folder / "may-end").touch()
        assert score.result(_TIMEOUT_S)[0].body == b'"waited"'
    assert server.stop().exit_code == 0


@pytest.mark.parametrize("kind", ["default"])
def test_one_connection_answers_often(serving, kind):
    """Ours keeps a connection open, also after errors of any kind."""
    server = serving.running(kind, script="plain")
    asked = [
        post("a score", b"[1]"),
        post("no UTF-8", b"\xff"),
        post("an exception", b'{"do": "KeyError"}'),
        post("a long id", b"[1]", headers={"x-request-id": "x" * 101}),
        send("a bad path", path="/nothing"),
        send("HEAD", method="HEAD", path="/"),
        send("health", path="/"),
    ]
    methods = tuple(each.methods[0] for each in asked)
    answers = ask(server.port, Sent("all", tuple(each.data for each in asked), methods))
    assert [each.status for each in answers] == [200, 400, 500, 431, 404, 200, 200]
