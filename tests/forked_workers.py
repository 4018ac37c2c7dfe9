"""Read all tests once, then run their files in forks of that process: ``--forks 3``.

A worker of pytest-xdist reads all tests again. A fork has them, and what they import. Files are
given out in the order of the session; all tests of a file run in one worker, one after the other.
"""

import multiprocessing
import os
import signal
import threading
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from multiprocessing.connection import Connection, wait

import pytest

from worker_of_forks import work

FORKING = multiprocessing.get_context("fork")
INDEX_BYTES = 4
LOOKS_FOR_DEAD_S = 1.0


def pytest_addoption(parser):
    """Add the number of workers."""
    parser.addoption("--forks", type=int, default=0, help="run files of tests in so many forks")


def pytest_addhooks(pluginmanager):
    """Let a conftest.py say what runs in one worker."""
    pluginmanager.add_hookspecs(HookSpecs)


class HookSpecs:
    """What the tests of a project may say about its files."""

    @pytest.hookspec(firstresult=True)
    def pytest_forks_group(self, item):
        """Return what the tests that run in one worker have in common, or None for their file."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """Run all tests in forks, if they are asked for and nothing went wrong while reading."""
    options = session.config.option
    if not options.forks or options.collectonly or session.testsfailed:
        return None
    if threading.active_count() > 1:
        raise pytest.UsageError(f"--forks: threads would be lost: {threading.enumerate()}")
    session.config._tmp_path_factory.getbasetemp()  # the folders of all workers lie in one
    Workers(session).run(options.forks)
    return True


def groups_of(session):
    """Return the tests in the lists that workers take, in the order of their first tests."""
    groups = {}
    for item in session.items:
        key = session.config.hook.pytest_forks_group(item=item) or item.path
        groups.setdefault(key, []).append(item)
    return list(groups.values())


@contextmanager
def interrupted_later():
    """Let Ctrl-C wait until the body is over."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@dataclass
class Worker:
    """A process, what it sends, and the tests that it has begun with or has yet to run."""

    name: str
    process: multiprocessing.Process
    receiving: Connection
    left: list
    is_over: bool = False


class Workers:
    """The forks of a session; they take the indices of groups of tests from one pipe."""

    def __init__(self, session):
        self.session, self.hook = session, session.config.hook
        self.groups = groups_of(session)
        self.running, self.forked, self.stops = {}, 0, False
        self.queue, filling = os.pipe()
        with os.fdopen(filling, "wb") as file:
            file.writelines(each.to_bytes(INDEX_BYTES, "big") for each in range(len(self.groups)))

    def run(self, count):
        """Run all tests; end the workers before this ends, whatever happens."""
        try:
            for _ in range(min(count, len(self.groups))):
                self.fork([])
            while self.running:
                self.attend()
                self.stop_if_asked()
        finally:
            self.stop()
            os.close(self.queue)

    def fork(self, left):
        """Start a worker, which begins with some tests."""
        name = f"gw{self.forked}"
        self.forked += 1
        receiving, sending = FORKING.Pipe(duplex=False)
        self.session.config.get_terminal_writer().flush()
        unused = [receiving, *self.running]
        arguments = (self.session, name, sending, chain([left], self.taken(sending)), unused)
        process = FORKING.Process(target=work, args=arguments, name=name)
        with interrupted_later():  # it is not forgotten, and gets ready for an interrupt
            process.start()
            self.running[receiving] = Worker(name, process, receiving, list(left))
        sending.close()

    def taken(self, sending):
        """Yield, in a worker, the groups that it takes; a read of few bytes is all or nothing."""
        while index := os.read(self.queue, INDEX_BYTES):
            number = int.from_bytes(index, "big")
            sending.send(("took", number))
            yield self.groups[number]

    def attend(self):
        """Hear what workers say, and see which ones have ended."""
        for connection in wait(list(self.running), timeout=LOOKS_FOR_DEAD_S):
            self.hear(self.running[connection])
        for worker in list(self.running.values()):
            # What has forked from a worker may hold its pipe open.
            if not (worker.process.is_alive() or worker.receiving.poll()):
                self.end(worker)

    def hear(self, worker):
        """Handle one message, or the end of a worker."""
        try:
            with interrupted_later():  # half a message would be left
                message = worker.receiving.recv()
        except EOFError:
            message = None
        if message is None:
            self.end(worker)
        else:
            getattr(self, message[0])(worker, message[1])

    def took(self, worker, number):
        """Note what a worker is going to run."""
        worker.left = list(self.groups[number])

    def several(self, worker, messages):
        """Handle the messages of one test."""
        for kind, content in messages:
            getattr(self, kind)(worker, content)

    def passed(self, _, report):
        """Report a phase of a test that came as it is: it has no traceback to be rebuilt."""
        self.hook.pytest_runtest_logreport(report=report)

    def logstart(self, _, content):
        """Say that a test begins."""
        self.hook.pytest_runtest_logstart(**content)

    def logreport(self, _, content):
        """Report a phase of a test."""
        report = self.hook.pytest_report_from_serializable(config=self.session.config, data=content)
        self.hook.pytest_runtest_logreport(report=report)

    def logfinish(self, worker, content):
        """Say that a test is over."""
        worker.left = worker.left[1:]
        self.hook.pytest_runtest_logfinish(**content)

    def warned(self, _, content):
        """Repeat a warning, whose class may be known in the worker alone."""
        category, text, place, rest = content
        warning = type(category, (Warning,), {})
        message = warnings.WarningMessage(warning(text), warning, *place)
        self.hook.pytest_warning_recorded.call_historic(kwargs={"warning_message": message, **rest})

    def over(self, worker, _):
        """Note that a worker has nothing left to do."""
        worker.is_over = True

    def end(self, worker):
        """Fail the test in which a worker died, and let another one run those after it."""
        del self.running[worker.receiving]
        worker.process.join()
        worker.receiving.close()
        code = worker.process.exitcode
        if worker.is_over or self.stops:
            return
        if code == pytest.ExitCode.INTERRUPTED:
            self.session.shouldstop = f"{worker.name} was interrupted"
            return
        self.lose(worker, f"the worker {worker.name} died here: {code} (below 0: of a signal)")

    def lose(self, worker, message):
        """Report a failure in the test that a worker had begun with, if any."""
        nodeid, location = worker.name, (worker.name, None, worker.name)
        if worker.left:
            nodeid, location = worker.left[0].nodeid, worker.left[0].location
            self.fork(worker.left[1:])
        report = pytest.TestReport(nodeid, location, {}, "failed", message, "call")
        self.hook.pytest_runtest_logreport(report=report)

    def stop_if_asked(self):
        """End the session where ``--maxfail`` or a test says so."""
        if self.session.shouldfail:
            raise self.session.Failed(self.session.shouldfail)
        if self.session.shouldstop:
            raise self.session.Interrupted(self.session.shouldstop)

    def stop(self):
        """Interrupt the workers that still run, which end what their tests have started."""
        self.stops = True
        for worker in self.running.values():
            with suppress(ProcessLookupError):
                os.kill(worker.process.pid, signal.SIGINT)
        while self.running:
            self.attend()
