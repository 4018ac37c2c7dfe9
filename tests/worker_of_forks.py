"""One worker of ``forked_workers``: it runs groups of tests and sends what pytest reports."""

import atexit
import gc
import os
import signal
from dataclasses import dataclass

import pytest

MANY_OBJECTS = 10_000
TIMES_YOUNG = 10


class End(pytest.Item):
    """What ends a group of tests: nothing but what the session shares is kept for it."""

    def runtest(self):
        """Do nothing; what ends with the session is ended after it."""

    def reportinfo(self):
        """Return where failures are: in what the tests of one worker share."""
        return self.name, None, self.name


class Relay:
    """What a worker sends to the process that has read the tests: one message for each test.

    What did not pass is sent at once, since the worker may die before the end of its test.
    """

    def __init__(self, config, sending):
        # pytest repeats earlier warnings for who registers.
        self.config, self.send = config, lambda message: None
        self.unsent = []
        config.pluginmanager.register(self)
        self.send = sending.send

    def flush(self):
        """Send what has been kept."""
        if self.unsent:
            self.send(("several", self.unsent))
            self.unsent = []

    def pytest_runtest_logstart(self, nodeid, location):
        """Keep that a test begins."""
        self.unsent.append(("logstart", {"nodeid": nodeid, "location": location}))

    def pytest_runtest_logreport(self, report):
        """Keep how a phase of a test went, or send it."""
        if report.passed:
            self.unsent.append(("passed", report))
            return
        convert = self.config.hook.pytest_report_to_serializable
        self.unsent.append(("logreport", convert(config=self.config, report=report)))
        self.flush()

    def pytest_runtest_logfinish(self, nodeid, location):
        """Send that a test is over."""
        self.unsent.append(("logfinish", {"nodeid": nodeid, "location": location}))
        self.flush()

    def pytest_warning_recorded(self, warning_message, when, nodeid, location):
        """Send a warning."""
        place = (warning_message.filename, warning_message.lineno)
        rest = {"when": when, "nodeid": nodeid, "location": location}
        self.send(
            (
                "warned",
                (warning_message.category.__name__, str(warning_message.message), place, rest),
            )
        )


def work(session, name, sending, groups, unused):
    """Run groups of tests in a new worker, then end what they share."""
    for each in unused:
        each.close()
    become_worker(session.config, name)
    session.config.pluginmanager.register(Collector())
    relay = Relay(session.config, sending)
    protocol = session.config.hook.pytest_runtest_protocol
    end = End.from_parent(session, name=f"what the tests of {name} share")
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # it came too early until here
        for items in groups:
            for item, following in zip(items, [*items[1:], end], strict=False):
                protocol(item=item, nextitem=following)
        session.config.pluginmanager.unregister(relay)
        end_session(session, end, relay)
    except (KeyboardInterrupt, pytest.exit.Exception) as interrupted:
        session._setupstate.teardown_exact(None)
        raise SystemExit(int(pytest.ExitCode.INTERRUPTED)) from interrupted
    finally:
        atexit._run_exitfuncs()


def end_session(session, end, relay):
    """End what is left, which is what the session shares; report it if that fails."""
    from _pytest.runner import runtestprotocol

    for report in runtestprotocol(end, log=False, nextitem=None):
        if report.failed:
            relay.pytest_runtest_logreport(report)
    relay.flush()
    relay.send(("over", None))


def become_worker(config, name):
    """Give up the session's terminal, its captured output, its folder and what ends with it."""
    atexit._clear()
    signal.signal(signal.SIGINT, interrupt_once)
    os.environ["PYTEST_XDIST_WORKER"] = name
    config.workerinput = {"workerid": name}
    silence(config)
    capture = config.pluginmanager.get_plugin("capturemanager")
    # Forks of one file of captured output would share its position.
    capture.stop_global_capturing()
    capture.start_global_capturing()
    capture.suspend_global_capture()
    factory = config._tmp_path_factory
    factory._basetemp = factory.getbasetemp() / name
    factory._basetemp.mkdir()


def silence(config):
    """Let nothing but time-outs write to the terminal."""
    writer = config.get_terminal_writer()
    for name in ("terminalreporter", "terminalprogress"):
        if config.pluginmanager.has_plugin(name):
            config.pluginmanager.unregister(name=name)
    config.pluginmanager.register(Silent(writer), "terminalreporter")


@dataclass(frozen=True, eq=False)
class Silent:
    """A reporter that reports nothing."""

    _tw: object


def interrupt_once(*_):
    """Interrupt the tests, but not the end of what they have started.

    A terminal's Ctrl-C arrives from the terminal and from the process that has read the tests.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


class Collector:
    """Collects garbage between tests.

    During one, the stack may be nearly full: finalizers then fail, and a test that has nothing to
    do with them is told so.
    """

    def __init__(self):
        gc.disable()

    def pytest_runtest_logfinish(self):
        """Collect young objects once there are many, and all of them each tenth time."""
        young, _, times = gc.get_count()
        if young > MANY_OBJECTS:
            gc.collect(2 if times > TIMES_YOUNG else 1)
