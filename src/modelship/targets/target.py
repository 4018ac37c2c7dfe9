"""DeployTarget: everything pleasant about deploying, written once for every backend."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from modelship.bundle import ScoringBundle
from modelship.checks import require_loadable
from modelship.diagnosis import Facts, diagnose, is_known
from modelship.errors import (
    CheckFailedError,
    DeploymentFailedError,
    DeploymentNotFoundError,
    DeploymentTimeoutError,
    InvalidOptionError,
    ModelshipError,
    NameTakenError,
    ScoringError,
    ScoringRequestError,
    ScoringTimeoutError,
    UnsupportedError,
)
from modelship.places import exclusive, state_folder
from modelship.progress import Deadline, DeadlineExceededError, Steps
from modelship.registry import Registry, check_options
from modelship.staging import storing
from modelship.targets.backend import Instance, TargetBackend
from modelship.targets.deployment import Deployment
from modelship.targets.keys import ServiceKeys, SupportsKeys
from modelship.targets.logtail import telling_part
from modelship.targets.names import check_service_name
from modelship.targets.recorded import differing
from modelship.targets.scoring import score
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.bundle.profile import Profile
    from modelship.findings import Diagnosis

__all__ = ["DeployTarget"]

_REGISTRY = Registry(
    kind="target",
    group="modelship.targets",
    builtins={
        "process": "modelship.targets.process:ProcessBackend",
        "docker": "modelship.targets.docker:DockerBackend",
        "aci": "modelship.targets.aci:AciBackend",
        "memory": "modelship.testing.memory:MemoryBackend",
    },
)

_CHECKS = ("static", "trial", "off")
_LINES_FOR_DIAGNOSIS = 5000
_UNAUTHORIZED = 401
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5


class DeployTarget:
    """A place that runs bundles as services.

    Parameters
    ----------
    backend : TargetBackend
        What does the running. Most users call :meth:`open` instead.

    Raises
    ------
    InvalidOptionError
        If `backend` is something else, such as the name that :meth:`open` takes.
    """

    def __init__(self, backend: TargetBackend) -> None:
        if not isinstance(backend, TargetBackend):
            raise _no_backend(backend)
        self._backend = backend
        self._keys: dict[str, ServiceKeys] = {}

    @staticmethod
    def open(name: str, **options: Any) -> DeployTarget:
        """Return the target that goes by `name`.

        Parameters
        ----------
        name : str
            ``"process"``, ``"docker"``, ``"aci"``, or the name of an installed plug-in.
        **options
            The keyword parameters of that target's class, such as ``port`` or ``base_image``.

        Raises
        ------
        UnknownPluginError
            If there is no such target; the message lists what there is.
        InvalidOptionError
            If the target has no such option, or needs one that is not given.
        """
        backend_class = _REGISTRY.load(name)
        check_options(f"the target {name!r}", backend_class, options)
        return DeployTarget(backend_class(**options))

    @staticmethod
    def available() -> tuple[str, ...]:
        """Return the names of all targets, built in and installed."""
        return _REGISTRY.names()

    @property
    def name(self) -> str:
        """The name that the target goes by."""
        return self._backend.name

    @property
    def profile(self) -> Profile:
        """What the place allows; :meth:`ScoringBundle.check` judges a bundle by it."""
        return self._backend.profile

    def deploy(
        self,
        bundle: ScoringBundle,
        *,
        name: str,
        overwrite: bool = False,
        check: Literal["static", "trial", "off"] | None = None,
        trust_model: bool = False,
        timeout_s: float = 600.0,
        show_output: bool = True,
    ) -> Deployment:
        """Run `bundle` as the service `name`, and return when it is healthy.

        Before anything is built or sent, the bundle is checked. If the same digest already runs
        under this name, with the same options of this target, nothing is done. After the start,
        the bundle's sample request is sent once. If anything fails, the new instance is removed;
        an older service that was to be overwritten goes on running.

        Parameters
        ----------
        bundle : ScoringBundle
            What to run.
        name : str
            3 to 32 lower-case letters, digits and dashes.
        overwrite : bool
            Replace a different bundle that is deployed under this name, or the same one with
            other options.
        check : {"static", "trial", "off"}, optional
            Whether the bundle is read first (:meth:`ScoringBundle.check`), its script tried too, or
            neither. Errors that are found keep it from being deployed, and warnings are shown.
            The default is the target's: a trial on ``"aci"``, reading on all others. Whether the
            model is safe to load is always checked.
        trust_model : bool
            Deploy the model whatever loading it runs, because you know who made it. What was found
            in it is then shown as a warning.
        timeout_s : float
            Seconds for everything: building, starting, and the first answer.
        show_output : bool
            Show each step with its duration on stderr.

        Raises
        ------
        InvalidNameError, NameTakenError
            If the name cannot be used.
        InvalidOptionError
            If `bundle` or `check` is something else.
        CheckFailedError
            If the check finds errors, or loading the model could run code that is not known to be
            safe; nothing was built or sent.
        EnvironmentSpecError
            If the environment cannot be resolved or built.
        TargetUnavailableError
            If the place cannot be reached.
        DeploymentFailedError, DeploymentTimeoutError
            If the service did not become healthy; both carry the telling part of its log.
        """
        check_service_name(name)
        if not isinstance(bundle, ScoringBundle):
            raise InvalidOptionError(
                option="bundle",
                found=type(bundle).__name__,
                expected="a ScoringBundle; ScoringBundle.load(folder) reads a saved one",
            )
        check = check or self._backend.default_check
        if check not in _CHECKS:
            raise InvalidOptionError("check", check, f"one of {', '.join(map(repr, _CHECKS))}")
        steps = Steps(f"{name} on {self.name}", timeout_s=timeout_s, show_output=show_output)
        steps.current = "Wait for another deployment of this name"
        try:
            with storing(state_folder()), exclusive(f"{self.name}-{name}", timeout_s=timeout_s):
                instance = self._deploy(
                    bundle,
                    name,
                    overwrite=overwrite,
                    check=check,
                    trust_model=trust_model,
                    steps=steps,
                )
        except TimeoutError as error:
            raise DeploymentTimeoutError(
                name=name, target=self.name, doing=steps.current, timeout_s=timeout_s
            ) from error
        return Deployment(self, instance)

    def get(self, name: str) -> Deployment:
        """Return the service `name`, whichever process deployed it.

        Raises
        ------
        DeploymentNotFoundError
            If nothing is deployed under this name.
        """
        instances = self._backend.instances()
        found = self._serving([each for each in instances if each.name == name])
        if found is None:
            known = sorted({each.name for each in instances})
            raise DeploymentNotFoundError(name=name, target=self.name, known=known)
        return Deployment(self, found)

    def list(self) -> tuple[Deployment, ...]:
        """Return every service here, sorted by name; failed ones too.

        One whose record cannot be used hides no other: it is there with the reason in
        ``instance.broken``, and :meth:`delete` removes it.
        """
        found = self._backend.instances()
        broken = [each for each in found if each.broken]
        instances = [each for each in found if not each.broken]
        by_name = (
            self._serving([each for each in instances if each.name == name])
            for name in {each.name for each in instances}
        )
        shown = sorted((each for each in (*by_name, *broken) if each), key=_by_name)
        return tuple(Deployment(self, each) for each in shown)

    def delete(self, name: str, *, missing_ok: bool = False) -> None:
        """End the service `name` and remove everything that belongs to it alone.

        Raises
        ------
        DeploymentNotFoundError
            If nothing is deployed under this name, unless `missing_ok`.
        """
        instances = self._backend.instances()
        mine = [each for each in instances if each.name == name]
        if not mine and not missing_ok:
            known = sorted({each.name for each in instances})
            raise DeploymentNotFoundError(name=name, target=self.name, known=known)
        for instance in mine:
            self._backend.stop(instance)

    def state_of(self, instance: Instance) -> State:
        """Return what one instance is doing now."""
        if all(each.instance_id != instance.instance_id for each in self._backend.instances()):
            raise DeploymentNotFoundError(name=instance.name, target=self.name)
        return self._backend.state(instance)

    def wait_for(self, instance: Instance, *, timeout_s: float) -> None:
        """Wait until one instance is healthy."""
        steps = Steps(instance.name, timeout_s=timeout_s)
        try:
            with steps.step("Wait until it is healthy"):
                self._wait(instance, steps.deadline)
        except DeadlineExceededError as error:
            raise self._timeout(instance, steps) from error

    def logs_of(self, instance: Instance, *, tail: int | None = None) -> str:
        """Return what one instance wrote."""
        if tail is None:
            return self._backend.logs(instance)
        return self._backend.log_end(instance, lines=tail)

    def send(self, instance: Instance, payload: object, *, timeout_s: float) -> Any:
        """Score one payload on one instance; with its key, if it asks for one."""
        deadline = Deadline(timeout_s)
        known = self._keys.get(instance.instance_id)
        key = known.primary if known else None
        try:
            return score(instance.scoring_uri, payload, timeout_s=timeout_s, key=key)
        except ScoringRequestError as error:
            if error.status != _UNAUTHORIZED or not isinstance(self._backend, SupportsKeys):
                raise
        # It asks for a key that was not known yet, or was made anew.
        keys = self._keys[instance.instance_id] = self.keys_of(instance)
        timeout_s = deadline.remaining_s
        return score(instance.scoring_uri, payload, timeout_s=timeout_s, key=keys.primary)

    def keys_of(self, instance: Instance) -> ServiceKeys:
        """Return the keys of one instance."""
        return self._keyed().keys(instance)

    def regenerate_key_of(
        self, instance: Instance, which: Literal["primary", "secondary"], *, value: str | None
    ) -> None:
        """Make a key of one instance anew."""
        if which not in {"primary", "secondary"}:
            raise InvalidOptionError("which", which, "'primary' or 'secondary'")
        self._keyed().regenerate_key(instance, which, value=value)
        self._keys.pop(instance.instance_id, None)

    def _keyed(self) -> SupportsKeys:
        if not isinstance(self._backend, SupportsKeys):
            raise UnsupportedError(target=self.name, ability="keys")
        return self._backend

    def __repr__(self) -> str:
        return f"DeployTarget.open({self.name!r})"

    def _deploy(
        self,
        bundle: ScoringBundle,
        name: str,
        *,
        overwrite: bool,
        check: str,
        trust_model: bool,
        steps: Steps,
    ) -> Instance:
        with steps.step("Lock the environment"):
            digest = bundle.digest
        older = [each for each in self._backend.instances() if each.name == name]
        current = self._serving(older)
        options = self._backend.options
        if current is not None:
            differences = _differences(current, bundle, options)
            if current.digest == digest and not differences:
                if self._backend.state(current) is State.HEALTHY:
                    steps.say("nothing to do: this bundle is deployed and healthy")
                    return current
            elif not overwrite:
                raise NameTakenError(name=name, target=self.name, differences=differences)
            self._backend.check_replacement(current)
        if check == "off":
            require_loadable(bundle, trust_model=trust_model)
        else:
            self._check(bundle, trial=check == "trial", trust_model=trust_model, steps=steps)
        self._backend.prepare(bundle, steps)
        if not self._backend.side_by_side:
            self._retire_all(older)
        draft = Instance.draft(bundle, name=name, options=options)
        instance = self._start(draft, bundle, steps)
        self._retire_all(older)
        return instance

    def _check(
        self, bundle: ScoringBundle, *, trial: bool, trust_model: bool, steps: Steps
    ) -> None:
        with steps.step("Check the bundle"):
            found = bundle.check(
                target=self,
                trial=trial,
                trust_model=trust_model,
                timeout_s=steps.deadline.remaining_s,
            )
        errors = [each for each in found if each.blocks]
        for each in found:
            if not each.blocks:
                steps.say(f"warning: {each}")
        if errors:
            raise CheckFailedError(findings=errors)

    def _start(self, draft: Instance, bundle: ScoringBundle, steps: Steps) -> Instance:
        with ExitStack() as undo:
            undo.callback(self._backend.stop, draft)
            try:
                instance = self._bring_up(draft, bundle, steps)
            except DeadlineExceededError as error:
                raise self._timeout(draft, steps) from error
            undo.pop_all()
        return instance

    def _bring_up(self, draft: Instance, bundle: ScoringBundle, steps: Steps) -> Instance:
        with steps.step("Start the service"):
            instance = self._backend.start(draft, bundle, steps)
        with steps.step("Wait until it is healthy"):
            self._wait(instance, steps.deadline)
        if bundle.sample_json is not None:
            with steps.step("Send the sample request"):
                self._send_sample(instance, bundle.sample_json, steps.deadline)
        return instance

    def _send_sample(self, instance: Instance, sample_json: str, deadline: Deadline) -> None:
        try:
            self.send(instance, sample_json, timeout_s=deadline.remaining_s)
        except ScoringTimeoutError as error:
            raise DeadlineExceededError from error
        except ScoringError as error:
            problem = f"it does not answer the bundle's sample request; {error.message.rstrip('.')}"
            raise self._failure(instance, State.UNHEALTHY, problem) from error

    def _wait(self, instance: Instance, deadline: Deadline) -> None:
        pause_s = _FIRST_PAUSE_S
        while (state := self._backend.state(instance)) is not State.HEALTHY:
            if state is State.FAILED:
                raise self._failure(instance, state, "the service ended before it answered")
            deadline.check()
            time.sleep(min(pause_s, deadline.remaining_s))
            pause_s = min(pause_s * 1.2, _LONGEST_PAUSE_S)

    def _retire_all(self, instances: Sequence[Instance]) -> None:
        for instance in instances:
            self._backend.retire(instance)

    def _serving(self, instances: Sequence[Instance]) -> Instance | None:
        """Return the newest healthy one of the instances that share a name, or else the newest."""
        newest_first = sorted(instances, key=lambda each: each.created_at, reverse=True)
        if len(newest_first) > 1:
            for instance in newest_first:
                if self._backend.state(instance) is State.HEALTHY:
                    return instance
        return newest_first[0] if newest_first else None

    def diagnose(self, instance: Instance) -> Diagnosis | None:
        """Return why one instance is not healthy.

        None if it is, or if it is starting and nothing has gone wrong so far.

        Raises
        ------
        DeploymentNotFoundError
            If it was deleted.
        """
        state = self.state_of(instance)
        if state is State.HEALTHY:
            return None
        diagnosis = self._diagnosis(instance, self._log_end(instance), state=state)
        starts = state in {State.TRANSITIONING, State.DELETING}
        return None if starts and not is_known(diagnosis) else diagnosis

    def _log_end(self, instance: Instance) -> str:
        """Return as much of a log as an explanation may need."""
        return self._backend.log_end(instance, lines=_LINES_FOR_DIAGNOSIS)

    def _diagnosis(
        self, instance: Instance, log: str, *, state: State | None, timed_out: bool = False
    ) -> Diagnosis:
        try:
            facts = self._backend.facts(instance)
        except ModelshipError:  # the log is there; what else the place knows may not be
            facts = Facts()
        return diagnose(log, facts=replace(facts, state=str(state or ""), timed_out=timed_out))

    def _failure(self, instance: Instance, state: State, problem: str) -> DeploymentFailedError:
        log = self._log_end(instance)
        # One that is not Failed has refused the sample request, and that is what to explain.
        diagnosis = self._diagnosis(instance, log, state=state if state is State.FAILED else None)
        return DeploymentFailedError(
            name=instance.name,
            target=self.name,
            state=str(state),
            problem=problem,
            log_tail=telling_part(log),
            diagnosis=diagnosis if is_known(diagnosis) else None,
        )

    def _timeout(self, instance: Instance, steps: Steps) -> DeploymentTimeoutError:
        log = self._log_end(instance)
        diagnosis = self._diagnosis(instance, log, state=State.TRANSITIONING, timed_out=True)
        return DeploymentTimeoutError(
            name=instance.name,
            target=self.name,
            doing=steps.current,
            timeout_s=steps.deadline.timeout_s,
            log_tail=telling_part(log),
            diagnosis=diagnosis if is_known(diagnosis) else None,
        )


def _no_backend(found: object) -> InvalidOptionError:
    name = found if isinstance(found, str) else "process"
    return InvalidOptionError(
        option="DeployTarget(backend)",
        found=found,
        expected=f"a TargetBackend; to open a target by its name, call DeployTarget.open({name!r})",
    )


def _differences(
    current: Instance, bundle: ScoringBundle, options: Mapping[str, object]
) -> list[str]:
    if current.broken:
        return [f"its record ({current.broken})"]
    parts = [name for name, digest in bundle.parts.items() if current.parts.get(name) != digest]
    return parts + differing(options, current.options)


def _by_name(instance: Instance) -> tuple[str, str]:
    return instance.name, instance.instance_id
