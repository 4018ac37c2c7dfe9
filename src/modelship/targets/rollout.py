"""Replace one release of a name by another; the one engine for all targets.

The change is written down, with the release before it, before anything is done. Then it goes in
one of three ways: side by side, where the new instance proves itself before requests come to it;
in place, where the place changes a service that keeps its address; or stop and start, where two
cannot run at once.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final, Literal

from modelship.errors import (
    ModelshipError,
    RolloutFailedError,
    ScoringError,
    ScoringTimeoutError,
)
from modelship.progress import DeadlineExceededError, Steps
from modelship.targets.backend import SupportsReplace, SupportsRoute
from modelship.targets.calling import Caller
from modelship.targets.failures import (
    LINES_OF_A_FAILURE,
    Failure,
    forget_failure,
    keep_failure,
    said,
)
from modelship.targets.health import failure, timed_out, wait_until_healthy
from modelship.targets.history import Change
from modelship.targets.instance import Instance
from modelship.targets.rolling_back import releases_to_keep
from modelship.targets.settling import DRAIN_S, conclude, ended_by_itself
from modelship.targets.state import State
from modelship.targets.trying import Stages, Trying
from modelship.targets.way_back import WayBack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.targets.backend import Prepared, TargetBackend
    from modelship.targets.history import Kind, Outcome
    from modelship.targets.release import Release

__all__ = ["Rollout", "Way", "way_to"]

_AGAIN_S: Final = 60.0

Way = Literal["side by side", "in place", "stop and start"]


def way_to(release: Release, *, on: TargetBackend, current: Instance | None) -> Way:
    """Return how a place takes a name from `current` to `release`."""
    if current is not None and isinstance(on, SupportsReplace):
        return "in place"
    return "side by side" if on.runs_beside(release, current) else "stop and start"


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
    stages : Stages
        What a new release has to pass before all requests come to it.
    """

    def __init__(
        self, backend: TargetBackend, *, name: str, steps: Steps, stages: Stages | None = None
    ) -> None:
        self._backend = backend
        self._name = name
        self._steps = steps
        self._trying = Trying(backend, name=name, stages=stages or Stages(), steps=steps)
        self._journal = backend.journal(name)
        self._kept = backend.releases(name)
        self._log = ""

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
            self._give_up(change, error)
            raise
        try:
            self._stop_older(instance, older)
        finally:
            self._conclude(change)
        return instance

    def _begin(self, release: Release, *, kind: Kind, current: Instance | None) -> Change:
        changes = self._journal.changes()
        change = Change.begun(
            kind,
            release.record(),
            previous=current.release.digest if current else "",
            differed=current.release.differences(release) if current else (),
        ).after(changes)
        self._journal.write(*ended_by_itself(self._backend, changes, current), change)
        forget_failure(self._backend.name, self._name)
        return change

    def _give_up(self, change: Change, error: BaseException) -> None:
        """Write down that the change has failed, and keep what tells why."""
        outcome: Outcome = "refused" if isinstance(error, RolloutFailedError) else "failed"
        ended = change.ended(outcome, said(error), self._trying.figures)
        with suppress(ModelshipError):  # the failure itself counts more
            self._journal.write(ended)
            self._forget_releases()
        with suppress(ModelshipError):
            target, name = self._backend.name, self._name
            keep_failure(Failure.of(error, ended, name=name, target=target, log=self._log))

    def _conclude(self, change: Change) -> None:
        """Write down that the change is made; the service runs, whether or not that succeeds."""
        try:
            conclude(self._journal, change.ended("serving", figures=self._trying.figures))
            self._forget_releases()
        except ModelshipError as error:
            self._steps.say(
                f"warning: the history could not be written: {error.message} {error.hint}"
            )

    def _forget_releases(self) -> None:
        """Forget the releases that nobody is likely to go back to."""
        self._kept.forget(but=releases_to_keep(self._journal.changes()))

    def _replace(
        self, release: Release, *, current: Instance | None, older: Sequence[Instance]
    ) -> Instance:
        prepared = self._backend.prepare(release, self._steps)
        draft = Instance.draft(release, name=self._name)
        if current is not None and isinstance(self._backend, SupportsReplace):
            return self._in_place(self._backend, draft, prepared, current)
        if older and way_to(release, on=self._backend, current=current) == "stop and start":
            return self._stop_and_start(draft, prepared, current=current, older=older)
        return self._start(draft, prepared, older, current=current)

    def _stop_and_start(
        self,
        draft: Instance,
        prepared: Prepared,
        *,
        current: Instance | None,
        older: Sequence[Instance],
    ) -> Instance:
        """Stop what runs, then start the new one; if that fails, start the old one again."""
        back = WayBack(self._backend, current, steps=self._steps)
        self._stop_all(older)
        try:
            return self._start(draft, prepared)
        except BaseException as error:
            aftermath = back.go(self._start_again)
            if isinstance(error, ModelshipError):
                error.aftermath = aftermath
            self._steps.say(aftermath)
            raise

    def _start_again(self, prepared: Prepared) -> None:
        """Start what served before, in a time of its own."""
        self._steps = Steps(self._steps.title, timeout_s=_AGAIN_S)
        self._start(Instance.draft(prepared.release, name=self._name), prepared)

    def _in_place(
        self, backend: SupportsReplace, draft: Instance, prepared: Prepared, current: Instance
    ) -> Instance:
        with ExitStack() as undo:
            undo.callback(backend.restore, current, self._steps)
            undo.callback(self._note_log, draft)
            try:
                with self._steps.step("Replace the service"):
                    instance = backend.replace(current, draft, prepared, self._steps)
                self._prove(instance, prepared.release)
            except DeadlineExceededError as error:
                raise timed_out(self._backend, draft, self._steps) from error
            undo.pop_all()
        return instance

    def _start(
        self,
        draft: Instance,
        prepared: Prepared,
        older: Sequence[Instance] = (),
        *,
        current: Instance | None = None,
    ) -> Instance:
        """Start an instance, see that it is well, and let requests come to it."""
        with ExitStack() as undo:
            undo.callback(self._backend.stop, draft)
            undo.callback(self._note_log, draft)
            try:
                with self._steps.step("Start the service"):
                    instance = self._backend.start(draft, prepared, self._steps)
                self._prove(instance, prepared.release)
                self._trying.run(instance, current)
            except DeadlineExceededError as error:
                raise timed_out(self._backend, draft, self._steps) from error
            self._route(instance, older, current=current)
            undo.pop_all()
        return instance

    def _note_log(self, instance: Instance) -> None:
        """Remember what an instance that fails has written, before it is removed."""
        with suppress(ModelshipError):
            self._log = self._log or self._backend.log_end(instance, lines=LINES_OF_A_FAILURE)

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
            problem = f"it fails on the bundle's sample request; {error.message.rstrip('.')}"
            raise failure(self._backend, instance, State.UNHEALTHY, problem) from error

    def _route(
        self, instance: Instance, older: Sequence[Instance], *, current: Instance | None
    ) -> None:
        """Let requests to the name come to `instance`, and then no longer to any other.

        If that is interrupted, they come to `current` again.
        """
        if not isinstance(self._backend, SupportsRoute):
            return
        self._backend.accept(instance, on=True)
        try:
            for each in older:
                self._backend.accept(each, on=False)
        except BaseException:
            if current is not None:
                with suppress(ModelshipError):  # it has ended: then nothing serves
                    self._backend.accept(current, on=True)
            raise

    def _stop_older(self, instance: Instance, older: Sequence[Instance]) -> None:
        """Stop what the instance has replaced; what cannot be stopped now, the next change does.

        Where nothing keeps two deployers apart, as on an engine that two machines share, the
        newest instance is the one that stays.
        """
        if isinstance(self._backend, SupportsReplace):
            return
        known = {each.instance_id for each in older}
        try:
            there = self._backend.instances(self._name)
            self._stop_all(
                [each for each in there if each.instance_id in known or _age(each) < _age(instance)]
            )
        except ModelshipError as error:
            self._steps.say(f"warning: an older instance could not be stopped: {error.message}")

    def _stop_all(self, instances: Sequence[Instance]) -> None:
        for instance in instances:
            self._backend.stop(instance, grace_s=DRAIN_S)


def _age(instance: Instance) -> tuple[str, str]:
    return instance.created_at, instance.instance_id
