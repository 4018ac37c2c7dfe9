"""Deploy a release under a name, up to its rollout."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from modelship.bundle import ScoringBundle
from modelship.checks import require_loadable, require_sound
from modelship.diagnosis.redaction import hiding
from modelship.errors import (
    DeploymentFailedError,
    DeploymentTimeoutError,
    InvalidOptionError,
    ModelshipError,
    NameTakenError,
)
from modelship.findings import RULES, Severity
from modelship.progress import Deadline, Steps
from modelship.shown import local_time
from modelship.staging import storing
from modelship.state_paths import state_folder, using_caches
from modelship.targets.failures import forget_failure
from modelship.targets.health import serving_one
from modelship.targets.instance import check_service_name
from modelship.targets.release import Release, Serving
from modelship.targets.rollout import Rollout, way_to
from modelship.targets.rollout_stages import Stages
from modelship.targets.settling import bounded, settle
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.findings import Diagnosis, Finding
    from modelship.targets.backend import TargetBackend
    from modelship.targets.history import Kind
    from modelship.targets.instance import Instance

__all__ = ["Check", "Intent", "check_asked", "deploy", "findings_in", "intend"]

Check = Literal["static", "trial", "off"]

_WAIT: Final = "Wait for another deployment of this name"
_LOOK_S: Final = 10.0
_CHECKS: Final = ("static", "trial", "off")


def deploy(
    backend: TargetBackend,
    bundle: ScoringBundle,
    *,
    name: str,
    serving: Serving,
    kind: Kind,
    overwrite: bool,
    check: Check | None,
    trust_model: bool,
    timeout_s: float,
    show_output: bool,
    stages: Stages | None = None,
) -> Instance:
    """Deploy a bundle as `name`, and return the instance; see :meth:`DeployTarget.deploy`."""
    check_asked(backend, bundle, name=name, serving=serving)
    check = check or backend.default_check
    if check not in _CHECKS:
        raise InvalidOptionError("check", check, f"one of {', '.join(map(repr, _CHECKS))}")
    steps = Steps(f"{name} on {backend.name}", timeout_s=timeout_s, show_output=show_output)
    steps.current = "Wait while another process removes caches"
    asked = _Asked(backend, name, kind, check, trust_model, steps, stages or Stages())
    try:
        with (
            hiding(serving.secret_environment.values()),
            storing(state_folder()),
            using_caches(timeout_s=timeout_s),
        ):
            steps.current = _WAIT
            with backend.alone(name, timeout_s=steps.deadline.remaining_s):
                return asked.deploy(bundle, serving, overwrite=overwrite)
    except TimeoutError as error:
        raise DeploymentTimeoutError(
            name=name,
            target=backend.name,
            doing=steps.current,
            timeout_s=timeout_s,
            blocked_by=_deployer(backend, name) if steps.current == _WAIT else "",
        ) from error


def _deployer(backend: TargetBackend, name: str) -> str:
    """Return a clause about who holds the lock of a name."""
    with suppress(ModelshipError):  # the history may be unreadable
        last = backend.within(Deadline(_LOOK_S)).journal(name).last()
        if last is not None and last.outcome == "under way":
            return f"{last.by} has been deploying it (since {local_time(last.began_at)})"
    return "another process has been deploying it"


def check_asked(
    backend: TargetBackend, bundle: ScoringBundle, *, name: str, serving: Serving
) -> None:
    """Validate the request before anything is built, sent or inspected."""
    check_service_name(name)
    if not isinstance(bundle, ScoringBundle):
        raise InvalidOptionError(
            option="bundle",
            found=type(bundle).__name__,
            expected="a ScoringBundle; ScoringBundle.load(folder) reads a saved one",
        )
    if not isinstance(serving, Serving):
        raise InvalidOptionError("serving", type(serving).__name__, "a Serving")
    backend.check_serving(serving)
    backend.check_bundle(bundle)


@dataclass(frozen=True)
class Intent:
    """The requested release of a name, next to the current one.

    Parameters
    ----------
    release : Release
        The requested release; options that it leaves open are those of the current instance.
    older : Sequence[Instance]
        Every instance of the name.
    current : Instance or None
        The one of them to which requests are routed.
    """

    release: Release
    older: Sequence[Instance]
    current: Instance | None

    @cached_property
    def differences(self) -> tuple[str, ...]:
        """The parts and options in which the two differ; empty if nothing is served."""
        if self.current is None:
            return ()
        if self.current.broken:
            return (f"its record ({self.current.broken})",)
        return self.current.release.differences(self.release)


def intend(
    backend: TargetBackend,
    bundle: ScoringBundle,
    serving: Serving,
    *,
    name: str,
    exactly: bool = False,
) -> Intent:
    """Return the requested release next to the current one; this changes nothing.

    If `exactly`, options that `serving` leaves open are omitted, and not inherited from the current
    instance.
    """
    older = backend.instances(name)
    current = serving_one(backend, older)
    wanted = serving if exactly else _after(serving, current, asks=backend.profile.asks_for_key)
    try:
        backend.check_serving(wanted)
    except InvalidOptionError as error:
        if wanted.auth == serving.auth or error.option != "auth":
            raise
        expected = "False, to serve without a key from now on, or server='modelship'"
        raise InvalidOptionError("auth", None, expected) from error
    return Intent(Release(bundle, wanted, backend.options), older, current)


def findings_in(
    backend: TargetBackend, release: Release, *, trial: bool, trust_model: bool, timeout_s: float
) -> Sequence[Finding]:
    """Return the findings of the check of a release, for this place and its limits."""
    return release.bundle.check(
        target=release.serving.profile(backend.profile),
        trial=trial,
        trust_model=trust_model,
        variables=release.serving.variables,
        secrets=release.serving.secrets,
        timeout_s=timeout_s,
        show_output=False,  # shown by the current step
    )


@dataclass(frozen=True)
class _Asked:
    """One requested deployment; the caller holds the lock of the name."""

    backend: TargetBackend
    name: str
    kind: Kind
    check: Check
    trust_model: bool
    steps: Steps
    stages: Stages

    def deploy(self, bundle: ScoringBundle, serving: Serving, *, overwrite: bool) -> Instance:
        with self.steps.step("Lock the environment"):
            _ = bundle.digest
        with bounded(self.steps, "Look at what the name serves"):
            intent = self._intent(bundle, serving)
        release, current = intent.release, intent.current
        if current is not None and self._is_there(intent, current, overwrite=overwrite):
            self.steps.say("nothing to do: this release is already deployed and healthy")
            forget_failure(self.backend.name, self.name)
            self._keep_what_serves(release, current)
            return current
        way = way_to(release, on=self.backend, current=current)
        self.stages.require(self.backend, way=way, current=current)
        found = self._findings(release)
        self._keep(release)
        rollout = Rollout(self.backend, name=self.name, steps=self.steps, stages=self.stages)
        try:
            return rollout.run(release, kind=self.kind, current=current, older=intent.older)
        except (DeploymentFailedError, DeploymentTimeoutError) as error:
            error.doubts = _doubts_in(found, explained=error.diagnosis)
            raise

    def _keep(self, release: Release) -> None:
        with bounded(self.steps, "Keep the release"):
            self.backend.releases(self.name).within(self.steps.deadline).keep(release)

    def _keep_what_serves(self, release: Release, current: Instance) -> None:
        """Keep the release that serves in this home, too: another one may have deployed it."""
        if release.digest != current.release.digest:  # they differ in tags or in the description
            return
        try:
            self._keep(release)
        except ModelshipError as error:
            self.steps.say(f"warning: the release is not stored: {error.message} {error.hint}")

    def _intent(self, bundle: ScoringBundle, serving: Serving) -> Intent:
        """Settle what was interrupted, and compare the request with what the name then serves."""
        backend = self.backend.within(self.steps.deadline)
        if rival := settle(backend, self.name):
            since = local_time(rival.began_at)
            self.steps.say(
                f"warning: {rival.by} has been deploying {self.name!r} (since {since}); the last "
                "one to route the requests replaces the other"
            )
        exactly = self.kind == "rollback"
        return intend(backend, bundle, serving, name=self.name, exactly=exactly)

    def _is_there(self, intent: Intent, current: Instance, *, overwrite: bool) -> bool:
        """Return whether `current` is as requested and healthy; refuse to replace another."""
        if not intent.differences:
            is_healthy = self.backend.observe(current).state is State.HEALTHY
            return is_healthy and not current.lost_uri
        if not overwrite:
            raise NameTakenError(
                name=self.name, target=self.backend.name, differences=intent.differences
            )
        return False

    def _findings(self, release: Release) -> Sequence[Finding]:
        if self.check == "off":
            require_loadable(release.bundle, trust_model=self.trust_model)
            return ()
        with self.steps.step("Check the bundle"):
            found = findings_in(
                self.backend,
                release,
                trial=self.check == "trial",
                trust_model=self.trust_model,
                timeout_s=self.steps.deadline.remaining_s,
            )
        for each in found:
            if not each.blocks:
                self.steps.say(f"warning: {each}")
        require_sound(found)
        return found


def _doubts_in(found: Sequence[Finding], *, explained: Diagnosis | None) -> tuple[str, ...]:
    """Return the suspected errors, less a cause that the log has shown."""
    return tuple(
        str(each)
        for each in found
        if not each.blocks and RULES[each.code].severity is Severity.ERROR
        if explained is None or explained.code != each.code
    )


def _after(serving: Serving, current: Instance | None, *, asks: bool | None) -> Serving:
    """Return `serving` with the options that it inherits from the replaced service or the place.

    `asks` is whether a request needs a key on this place, unless the serving says otherwise.
    """
    if serving.auth is not None:
        return serving
    inherited = current is not None and (current.release.options or {}).get("auth")
    return replace(serving, auth=True) if asks or inherited else serving
