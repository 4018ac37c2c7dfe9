"""Define DeployTarget: deploy and manage services on any backend."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal

from modelship.errors import DeploymentNotFoundError, InvalidOptionError
from modelship.registry import check_options
from modelship.targets.backend import TargetBackend
from modelship.targets.deleting import delete
from modelship.targets.deploying import deploy
from modelship.targets.deployment import Deployment
from modelship.targets.failures import failure_of
from modelship.targets.health import serving_one
from modelship.targets.known import TARGETS
from modelship.targets.names import check_service_name
from modelship.targets.pictured import History
from modelship.targets.plan import plan
from modelship.targets.release import Serving
from modelship.targets.settling import history
from modelship.targets.trying import Stages

if TYPE_CHECKING:
    from modelship.bundle import ScoringBundle
    from modelship.bundle.profile import Profile
    from modelship.evaluation import Gate
    from modelship.routing import Canary, Shadow
    from modelship.targets.deploying import Check
    from modelship.targets.failures import Failure
    from modelship.targets.instance import Instance
    from modelship.targets.plan import Plan

__all__ = ["DeployTarget"]

# Also as they were called when they were options of a target.
_OF_SERVING = {
    **{each.name: each.name for each in fields(Serving)},
    "auth_enabled": "auth",
    "profile": "limits",
}


class DeployTarget:
    """A place that runs bundles as services.

    Parameters
    ----------
    backend : TargetBackend
        What does the running. Most users call :meth:`open` instead.
    serving : Serving, optional
        How bundles are served if :meth:`deploy` is not told.
    """

    def __init__(self, backend: TargetBackend, *, serving: Serving | None = None) -> None:
        if not isinstance(backend, TargetBackend):
            raise _no_backend(backend)
        self._backend = backend
        self._serving = serving or Serving()

    @staticmethod
    def open(name: str, **options: Any) -> DeployTarget:
        """Return the target that goes by `name`.

        Parameters
        ----------
        name : str
            ``"process"``, ``"docker"``, ``"aci"``, or the name of an installed plug-in.
        **options
            The keyword parameters of that target's class, such as ``base_image``.

        Raises
        ------
        UnknownPluginError
            If there is no such target; the message lists what there is.
        InvalidOptionError
            If the target has no such option, or needs one that is not given.
        """
        backend_class = TARGETS.load(name)
        for option in options:
            if option in _OF_SERVING:  # its value may be a secret: it is not shown
                given = f"serving=Serving({_OF_SERVING[option]}=...)"
                expected = f"an option of the place; for the service, pass deploy() {given}"
                raise InvalidOptionError(f"an option of the target {name!r}", option, expected)
        check_options(f"the target {name!r}", backend_class, options)
        return DeployTarget(backend_class(**options))

    @staticmethod
    def available() -> tuple[str, ...]:
        """Return the names of all targets, built in and installed."""
        return TARGETS.names()

    def with_serving(self, serving: Serving) -> DeployTarget:
        """Return the same target, which serves so what it is not told to serve otherwise."""
        return DeployTarget(self._backend, serving=serving)

    @property
    def name(self) -> str:
        """The name that the target goes by."""
        return self._backend.name

    @property
    def serving(self) -> Serving:
        """How it serves what it is not told to serve otherwise."""
        return self._serving

    @property
    def profile(self) -> Profile:
        """What the place allows; :meth:`ScoringBundle.check` judges a bundle by it."""
        return self._backend.profile

    def deploy(
        self,
        bundle: ScoringBundle,
        *,
        name: str,
        serving: Serving | None = None,
        overwrite: bool = False,
        check: Check | None = None,
        trust_model: bool = False,
        gate: Gate | None = None,
        rollout: Canary | Literal["canary"] | None = None,
        shadow: Shadow | None = None,
        timeout_s: float = 600.0,
        show_output: bool = True,
    ) -> Deployment:
        """Run `bundle` as the service `name`, and return when it is healthy.

        Before anything is built or sent, the bundle is checked. If the same digest already runs
        under this name, served in the same way, nothing is done. After the start, the bundle's
        sample request is sent once. If anything fails, the new instance is removed; an older
        service that was to be overwritten goes on running.

        Parameters
        ----------
        bundle : ScoringBundle
            What to run.
        name : str
            3 to 32 lower-case letters, digits and dashes.
        serving : Serving, optional
            How it is served; by default by Azure ML's server, in one process and without a key.
        overwrite : bool
            Replace a different bundle that is deployed under this name, or the same one that is
            served in another way.
        check : {"static", "trial", "off"}, optional
            Whether the bundle is read first (:meth:`ScoringBundle.check`), its script tried too, or
            neither. Errors that are found keep it from being deployed, and warnings are shown.
            The default is the target's: a trial on ``"aci"``, reading on all others. Whether the
            model is safe to load is always checked.
        trust_model : bool
            Deploy the model whatever loading it runs, because you know who made it. What was found
            in it is then shown as a warning.
        gate : Gate, optional
            The new release is evaluated over HTTP before any request to the name comes to it, and
            has to keep the bounds.
        rollout : Canary or "canary", optional
            Requests go to the new release step by step, and to the old one again if the new one
            does not keep the bounds. By default they all go to it once it is healthy. A name that
            serves nothing yet has no traffic, and this is left out.
        shadow : Shadow, optional
            A copy of each request goes to the new release first, and the answers are compared.
        timeout_s : float
            Seconds for everything: building, starting, the first answer and the gate. A canary and
            a shadow have their own.
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
            safe; nothing was built or uploaded.
        EnvironmentSpecError
            If the environment cannot be resolved or built.
        TargetUnavailableError
            If the place cannot be reached.
        DeploymentFailedError, DeploymentTimeoutError
            If the service did not become healthy; both carry the relevant part of its log.
        RolloutFailedError
            If the new release did not pass its gate, shadow or canary; the old release keeps
            serving.
        UnsupportedError
            If the place cannot do what was asked for before requests come to a release.
        MissingExtraError
            If a canary or a shadow is asked for without the extra ``rollout``.
        """
        stages = Stages.checked(gate=gate, rollout=rollout, shadow=shadow)
        instance = deploy(
            self._backend,
            bundle,
            name=name,
            serving=self._serving if serving is None else serving,
            kind="deploy",
            overwrite=overwrite,
            check=check,
            trust_model=trust_model,
            timeout_s=timeout_s,
            show_output=show_output,
            stages=stages,
        )
        return Deployment(self._backend, instance)

    def plan(
        self,
        bundle: ScoringBundle,
        *,
        name: str,
        serving: Serving | None = None,
        trust_model: bool = False,
    ) -> Plan:
        """Return what :meth:`deploy` would change under `name`, and why; nothing is changed.

        The environment is resolved and the bundle is read, as before a deployment; nothing of it
        is run, built or sent. To do what the plan says, call :meth:`deploy` with the same bundle
        and serving, and ``overwrite=True``.

        Parameters
        ----------
        bundle, name, serving, trust_model
            As for :meth:`deploy`.

        Raises
        ------
        InvalidNameError, InvalidOptionError
            If the name cannot be used, or the place cannot serve a bundle so.
        CheckFailedError
            If the check finds errors, or loading the model could run code that is not known to be
            safe.
        EnvironmentSpecError
            If the environment cannot be resolved.
        TargetUnavailableError
            If the place cannot be reached.
        """
        return plan(
            self._backend,
            bundle,
            name=name,
            serving=self._serving if serving is None else serving,
            trust_model=trust_model,
        )

    def get(self, name: str) -> Deployment:
        """Return the service `name`, whichever process deployed it.

        Raises
        ------
        DeploymentNotFoundError
            If nothing is deployed under this name.
        """
        found = serving_one(self._backend, self._backend.instances(name))
        if found is None:
            known = sorted({each.name for each in self._backend.instances()})
            has_failed = failure_of(self.name, name) is not None
            raise DeploymentNotFoundError(
                name=name, target=self.name, known=known, has_failed=has_failed
            )
        return Deployment(self._backend, found)

    def history(self, name: str) -> History:
        """Return the changes of what `name` has served, the oldest first; also once it is deleted.

        The last hundred changes are kept. A change whose deployer was killed is settled when this
        is read, by what the name really serves.
        """
        return History(history(self._backend, check_service_name(name)))

    def failure(self, name: str) -> Failure | None:
        """Return why the last deployment of `name` failed, with the last that it wrote.

        It is kept on the machine that deployed, until the name is deployed again or deleted.
        None if the last deployment did not fail, or was made on another machine.
        """
        return failure_of(self.name, check_service_name(name))

    def list(self) -> tuple[Deployment, ...]:
        """Return every service here, sorted by name; failed ones too.

        One whose record cannot be used hides no other: it is there with the reason in
        ``instance.broken``, and :meth:`delete` removes it.
        """
        found = self._backend.instances()
        broken = [each for each in found if each.broken]
        instances = [each for each in found if not each.broken]
        by_name = (
            serving_one(self._backend, [each for each in instances if each.name == name])
            for name in {each.name for each in instances}
        )
        shown = sorted((each for each in (*by_name, *broken) if each), key=_by_name)
        return tuple(Deployment(self._backend, each) for each in shown)

    def delete(self, name: str, *, missing_ok: bool = False) -> None:
        """End the service `name` and remove everything that belongs to it alone.

        Raises
        ------
        DeploymentNotFoundError
            If nothing is deployed under this name, unless `missing_ok`.
        """
        delete(self._backend, name, missing_ok=missing_ok)

    def __repr__(self) -> str:
        return f"DeployTarget.open({self.name!r})"


def _by_name(instance: Instance) -> tuple[str, str]:
    return instance.name, instance.instance_id


def _no_backend(found: object) -> InvalidOptionError:
    name = found if isinstance(found, str) else "process"
    return InvalidOptionError(
        option="DeployTarget(backend)",
        found=found,
        expected=f"a TargetBackend; to open a target by its name, call DeployTarget.open({name!r})",
    )
