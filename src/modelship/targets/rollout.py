"""Replace one release of a name by another; the same implementation for all targets.

The change is recorded, with the previous release, before anything is done. Then it is made in one
of three ways: side by side, where the new instance passes its checks before requests are routed to
it; in place, where the place updates a service that keeps its address; or stop and start, where two
instances cannot run at once.
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
from modelship.targets.beginning import begin
from modelship.targets.calling import Caller
from modelship.targets.failures import (
    LINES_OF_A_FAILURE,
    Failure,
    forget_failure,
    keep_failure,
    said,
)
from modelship.targets.health import sample_refused, timed_out, wait_until_healthy
from modelship.targets.history import Change
from modelship.targets.instance import Instance
from modelship.targets.rolling_back import releases_to_keep
from modelship.targets.rollout_stages import Stages
from modelship.targets.settling import (
    DRAIN_S,
    bounded,
    conclude,
    retire_older,
    switch,
    switch_back,
    to_record_the_outcome,
)
from modelship.targets.trying import Trying
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
    """Return how a place replaces `current` by `release`."""
    if current is not None and isinstance(on, SupportsReplace):
        return "in place"
    return "side by side" if on.runs_beside(release, current) else "stop and start"


class Rollout:
    """One change of the release that a name serves.

    Parameters
    ----------
    backend : TargetBackend
        The place.
    name : str
        The service's name.
    steps : Steps
        Shows the progress, and holds the one deadline.
    stages : Stages
        The stages that a new release has to pass before all requests are routed to it.
    """

    def __init__(
        self, backend: TargetBackend, *, name: str, steps: Steps, stages: Stages | None = None
    ) -> None:
        self._backend = backend
        self._name = name
        self._steps = steps
        self._trying = Trying(backend, name=name, stages=stages or Stages(), steps=steps)
        self._journal = backend.journal(name).within(steps.deadline)
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
        """Deploy `release` under the name, and return its instance.

        Parameters
        ----------
        release : Release
            The release to serve.
        kind : str
            The kind of the change, for the history.
        current : Instance or None
            The instance to which requests are currently routed.
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
        change = Change.begun(
            kind,
            release.record(),
            previous=current.release.digest if current else "",
            differed=current.release.differences(release) if current else (),
        )
        with bounded(self._steps, "Write the history"):
            change = begin(self._backend, self._journal, change, current=current)
        forget_failure(self._backend.name, self._name)
        return change

    def _give_up(self, change: Change, error: BaseException) -> None:
        """Record that the change has failed, and keep the log that explains it."""
        outcome: Outcome = "refused" if isinstance(error, RolloutFailedError) else "failed"
        ended = change.ended(outcome, said(error), self._trying.figures)
        self._limit_outcome()
        with suppress(ModelshipError):  # the original failure is more important
            self._journal.write(ended)
            self._forget_releases()
        with suppress(ModelshipError):
            target, name = self._backend.name, self._name
            keep_failure(Failure.of(error, ended, name=name, target=target, log=self._log))

    def _conclude(self, change: Change) -> None:
        """Record that the change is complete; the service runs, even if recording fails."""
        self._limit_outcome()
        try:
            conclude(self._journal, change.ended("serving", figures=self._trying.figures))
            self._forget_releases()
        except ModelshipError as error:
            self._steps.say(
                f"warning: the history could not be written: {error.message} {error.hint}"
            )

    def _limit_outcome(self) -> None:
        deadline = to_record_the_outcome(self._steps.deadline)
        self._journal, self._kept = self._journal.within(deadline), self._kept.within(deadline)

    def _forget_releases(self) -> None:
        """Remove the releases that are unlikely rollback targets."""
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
        """Stop the running instance and start the new one; on failure, restart the old one."""
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
        """Restart the previous release, with a deadline of its own."""
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
        """Start an instance, check that it is healthy, and route requests to it."""
        with ExitStack() as undo:
            undo.callback(self._backend.stop, draft)
            undo.callback(self._note_log, draft)
            try:
                with self._steps.step("Start the service"):
                    instance = self._backend.start(draft, prepared, self._steps)
                if instance.instance_id != draft.instance_id:  # the place had kept it
                    undo.callback(self._backend.stop, instance)
                self._prove(instance, prepared.release)
                sample = prepared.release.bundle.sample_json
                self._trying.run(instance, current, sample=sample)
            except DeadlineExceededError as error:
                raise timed_out(self._backend, draft, self._steps) from error
            self._route(instance, older, current=current)
            undo.pop_all()
        return instance

    def _note_log(self, instance: Instance) -> None:
        """Store the log of a failing instance before it is removed."""
        with suppress(ModelshipError):
            self._log = self._log or self._backend.log_end(instance, lines=LINES_OF_A_FAILURE)

    def _prove(self, instance: Instance, release: Release) -> None:
        """Check that an instance is healthy and answers, before it gets requests to the name."""
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
            raise sample_refused(self._backend, instance, error) from error

    def _route(
        self, instance: Instance, older: Sequence[Instance], *, current: Instance | None
    ) -> None:
        """Route requests to the name to `instance`, and then no longer to any other.

        If that is interrupted, they are routed to `current` again.
        """
        if not isinstance(self._backend, SupportsRoute):
            return
        try:
            others = [each for each in older if each.instance_id != instance.instance_id]
            with self._steps.activity("Route the requests to it"):
                switch(self._backend, instance, off=others)
        except BaseException:
            if current is not None:
                switch_back(self._backend, current, off=[instance])
            raise

    def _stop_older(self, instance: Instance, older: Sequence[Instance]) -> None:
        """Stop the replaced instances; the next change stops one that cannot be stopped now."""
        try:
            with self._steps.activity("Stop the release that it replaces"):
                retire_older(self._backend, instance, older)
        except ModelshipError as error:
            self._steps.say(f"warning: an older instance could not be stopped: {error.message}")

    def _stop_all(self, instances: Sequence[Instance]) -> None:
        for instance in instances:
            self._backend.stop(instance, grace_s=DRAIN_S)
