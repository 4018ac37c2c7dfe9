"""Rollout: the one engine that takes a name from one release to another.

The change is written down, with the release before it, before anything is done. Then it goes in
one of three ways: side by side, where the new instance proves itself before requests come to it;
in place, where the place changes a service that keeps its address; or stop and start, where two
cannot run at once.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final, Literal

from modelship.errors import ModelshipError, ScoringError, ScoringTimeoutError, StorageError
from modelship.progress import DeadlineExceededError
from modelship.targets.backend import SupportsReplace, SupportsRoute
from modelship.targets.calling import Caller
from modelship.targets.health import failure, timed_out, wait_until_healthy
from modelship.targets.history import Change
from modelship.targets.instance import Instance
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.progress import Steps
    from modelship.targets.backend import Prepared, TargetBackend
    from modelship.targets.history import Kind
    from modelship.targets.release import Release

__all__ = ["DRAIN_S", "Rollout", "Way", "way_to"]

DRAIN_S: Final = 40.0
"""Seconds that what is under way has to end; longer than either server gives it: 30 s."""

Way = Literal["side by side", "in place", "stop and start"]


def way_to(release: Release, *, on: TargetBackend, current: Instance | None) -> Way:
    """Return how a place takes a name from `current` to `release`."""
    if current is not None and isinstance(on, SupportsReplace):
        return "in place"
    return "side by side" if on.runs_beside(release) else "stop and start"


class Rollout:
    """One change of what a name serves.

    Parameters
    ----------
    backend : TargetBackend
        The place.
    name : str
        The service's name.
    steps : Steps
        What is shown meanwhile, and the one deadline.
    """

    def __init__(self, backend: TargetBackend, *, name: str, steps: Steps) -> None:
        self._backend = backend
        self._name = name
        self._steps = steps
        self._journal = backend.journal(name)

    def run(
        self,
        release: Release,
        *,
        kind: Kind,
        current: Instance | None,
        older: Sequence[Instance] = (),
    ) -> Instance:
        """Let the name serve `release`, and return the instance that does.

        Parameters
        ----------
        release : Release
            What it is to serve.
        kind : str
            What was asked for, for the history.
        current : Instance or None
            The instance that requests come to now.
        older : Sequence[Instance]
            Every instance of the name, `current` among them.
        """
        change = self._begin(release, kind=kind, current=current)
        try:
            instance = self._replace(release, current=current, older=older)
        except BaseException as error:
            reason = error.message if isinstance(error, ModelshipError) else repr(error)
            with suppress(StorageError):  # the failure itself counts more
                self._journal.write(change.ended("failed", reason))
            raise
        self._conclude(change)
        return instance

    def _begin(self, release: Release, *, kind: Kind, current: Instance | None) -> Change:
        last = self._journal.last()
        change = Change.begun(
            kind,
            release.record(),
            number=last.number + 1 if last else 1,
            previous=current.release.digest if current else "",
            differed=current.release.differences(release) if current else (),
        )
        self._journal.write(change)
        return change

    def _conclude(self, change: Change) -> None:
        """Write down that the change is made; the service runs, whether or not that succeeds."""
        try:
            for each in self._journal.changes():
                if each.outcome == "serving":
                    self._journal.write(each.ended("ended", f"replaced by change {change.number}"))
            self._journal.write(change.ended("serving"))
        except StorageError as error:
            self._steps.say(f"warning: the history is not written: {error.message} {error.hint}")

    def _replace(
        self, release: Release, *, current: Instance | None, older: Sequence[Instance]
    ) -> Instance:
        prepared = self._backend.prepare(release, self._steps)
        draft = Instance.draft(release, name=self._name)
        if current is not None and isinstance(self._backend, SupportsReplace):
            return self._in_place(self._backend, draft, prepared, current)
        if way_to(release, on=self._backend, current=current) == "stop and start":
            self._stop_all(older)
        instance = self._start(draft, prepared)
        self._route(instance, older)
        self._stop_all(older)
        return instance

    def _in_place(
        self, backend: SupportsReplace, draft: Instance, prepared: Prepared, current: Instance
    ) -> Instance:
        with ExitStack() as undo:
            undo.callback(backend.restore, current, self._steps)
            with self._steps.step("Replace the service"):
                instance = backend.replace(current, draft, prepared, self._steps)
            self._prove(instance, prepared.release)
            undo.pop_all()
        return instance

    def _start(self, draft: Instance, prepared: Prepared) -> Instance:
        with ExitStack() as undo:
            undo.callback(self._backend.stop, draft)
            try:
                with self._steps.step("Start the service"):
                    instance = self._backend.start(draft, prepared, self._steps)
                self._prove(instance, prepared.release)
            except DeadlineExceededError as error:
                raise timed_out(self._backend, draft, self._steps) from error
            undo.pop_all()
        return instance

    def _prove(self, instance: Instance, release: Release) -> None:
        """See that an instance is healthy and answers, before requests to the name come to it."""
        with self._steps.step("Wait until it is healthy"):
            wait_until_healthy(self._backend, instance, self._steps.deadline)
        if release.bundle.sample_json is not None:
            with self._steps.step("Send the sample request"):
                self._send_sample(instance, release.bundle.sample_json)

    def _send_sample(self, instance: Instance, sample_json: str) -> None:
        remaining_s = self._steps.deadline.remaining_s
        try:
            Caller(self._backend).send(instance, sample_json, timeout_s=remaining_s, directly=True)
        except ScoringTimeoutError as error:
            raise DeadlineExceededError from error
        except ScoringError as error:
            problem = f"it does not answer the bundle's sample request; {error.message.rstrip('.')}"
            raise failure(self._backend, instance, State.UNHEALTHY, problem) from error

    def _route(self, instance: Instance, older: Sequence[Instance]) -> None:
        """Let requests to the name come to `instance`, and then no longer to any other."""
        if isinstance(self._backend, SupportsRoute):
            self._backend.accept(instance, on=True)
            for each in older:
                self._backend.accept(each, on=False)

    def _stop_all(self, instances: Sequence[Instance]) -> None:
        for instance in instances:
            self._backend.stop(instance, grace_s=DRAIN_S)
