"""Define DeployTarget: deploy and manage services on any backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from modelship.errors import DeploymentNotFoundError, InvalidOptionError
from modelship.targets.backend import TargetBackend
from modelship.targets.deleting import delete
from modelship.targets.deployment import Deployment
from modelship.targets.failures import failure_of
from modelship.targets.health import serving_one, serving_ones
from modelship.targets.instance import check_service_name
from modelship.targets.known import TARGETS, opened
from modelship.targets.pictured import History
from modelship.targets.release import Serving
from modelship.targets.settling import history

if TYPE_CHECKING:
    from modelship.bundle import ScoringBundle
    from modelship.bundle.profile import Profile
    from modelship.evaluation import Gate
    from modelship.routing import Canary, Shadow
    from modelship.targets.deploying import Check
    from modelship.targets.failures import Failure
    from modelship.targets.plan import Plan

__all__ = ["DeployTarget"]


class DeployTarget:
    """A place that runs bundles as services.

    Parameters
    ----------
    backend : TargetBackend
        The backend that runs the services. Most users call :meth:`open` instead.
    serving : Serving, optional
        The default serving of :meth:`deploy`.
    """

    def __init__(self, backend: TargetBackend, *, serving: Serving | None = None) -> None:
        self._backend = _checked(backend)
        self._serving = serving or Serving()

    @staticmethod
    def open(name: str, **options: Any) -> DeployTarget:
        """Return the target with this name.

        Parameters
        ----------
        name : str
            ``"process"``, ``"docker"``, ``"aci"``, ``"online-endpoint"``, or the name of an
            installed plug-in.
        **options
            The keyword parameters of that target's class, such as ``base_image``.

        Raises
        ------
        UnknownPluginError
            If there is no such target; the message lists the available ones.
        InvalidOptionError
            If the target has no such option, or requires one that is not given.
        """
        return DeployTarget(opened(name, options))

    @staticmethod
    def available() -> tuple[str, ...]:
        """Return the names of all targets, built in and installed."""
        return TARGETS.names()

    def with_serving(self, serving: Serving) -> DeployTarget:
        """Return the same target with another default serving."""
        return DeployTarget(self._backend, serving=serving)

    @property
    def name(self) -> str:
        """The name of the target."""
        return self._backend.name

    @property
    def serving(self) -> Serving:
        """The default serving of :meth:`deploy`."""
        return self._serving

    @property
    def profile(self) -> Profile:
        """The limits of the place; :meth:`ScoringBundle.check` checks a bundle against them."""
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

        The bundle is checked before anything is built or sent. If the same digest already runs
        under this name, with the same serving, nothing is done. After the start, the bundle's
        sample request is sent once. If anything fails, the new instance is removed; an older
        service that was to be overwritten keeps running.

        Parameters
        ----------
        bundle : ScoringBundle
            The bundle to run.
        name : str
            3 to 32 lower-case letters, digits and dashes.
        serving : Serving, optional
            How it is served. Default: Azure ML's server, in one process and without a key.
        overwrite : bool
            Replace a different bundle that is deployed under this name, or the same one with
            another serving.
        check : {"static", "trial", "off"}, optional
            Whether to check the bundle statically (:meth:`ScoringBundle.check`), to also try its
            script, or neither. Errors block the deployment, and warnings are shown. The default
            depends on the target: a trial on ``"aci"`` and ``"online-endpoint"``, static on all
            others. Whether the model is
            safe to load is always checked.
        trust_model : bool
            Deploy the model whatever code loading it runs, because you trust its author. Its
            findings are then shown as a warning.
        gate : Gate, optional
            The new release is evaluated over HTTP before any request to the name is routed to it,
            and has to stay within the bounds.
        rollout : Canary or "canary", optional
            Requests are routed to the new release in steps, and back to the old one if the new one
            violates the bounds. By default all are routed to it once it is healthy. A name that
            serves nothing yet has no traffic, and this is skipped.
        shadow : Shadow, optional
            A copy of each request is sent to the new release first, and the answers are compared.
        timeout_s : float
            The timeout of everything, in seconds: building, starting, the first answer and the
            gate. A canary and a shadow have their own.
        show_output : bool
            Show each step with its duration on stderr.

        Raises
        ------
        InvalidNameError, NameTakenError
            If the name is invalid.
        InvalidOptionError
            If `bundle` or `check` has another type or value.
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
            If the place does not support what was requested before requests are routed to a
            release.
        MissingExtraError
            If a canary or a shadow is requested without the extra ``rollout``.
        """
        from modelship.targets.deploying import deploy
        from modelship.targets.rollout_stages import Stages

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

        The environment is resolved and the bundle is checked statically, as before a deployment;
        nothing of it is run, built or sent. To carry out the plan, call :meth:`deploy` with the
        same bundle and serving, and ``overwrite=True``.

        Parameters
        ----------
        bundle, name, serving, trust_model
            See :meth:`deploy`.

        Raises
        ------
        InvalidNameError, InvalidOptionError
            If the name is invalid, or the place does not support the serving.
        CheckFailedError
            If the check finds errors, or loading the model could run code that is not known to be
            safe.
        EnvironmentSpecError
            If the environment cannot be resolved.
        TargetUnavailableError
            If the place cannot be reached.
        """
        from modelship.targets.plan import plan

        return plan(
            self._backend,
            bundle,
            name=name,
            serving=self._serving if serving is None else serving,
            trust_model=trust_model,
        )

    def get(self, name: str) -> Deployment:
        """Return the service `name`, regardless of the process that deployed it.

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
        """Return the changes of `name`, oldest first; also once it is deleted.

        The last hundred changes are kept. A change whose deployer was killed is settled when this
        is read, by the release that the name actually serves.
        """
        return History(history(self._backend, check_service_name(name)))

    def failure(self, name: str) -> Failure | None:
        """Return why the last deployment of `name` failed, with the end of its log.

        It is stored on the machine that deployed, until the name is deployed again or deleted. None
        if the last deployment did not fail, or was made on another machine.
        """
        return failure_of(self.name, check_service_name(name))

    def list(self) -> tuple[Deployment, ...]:
        """Return every service here, sorted by name, including failed ones.

        An invalid record does not hide other services: its service is listed with the reason in
        ``instance.broken``, and :meth:`delete` removes it.
        """
        return tuple(Deployment(self._backend, each) for each in serving_ones(self._backend))

    def delete(self, name: str, *, missing_ok: bool = False) -> None:
        """Stop the service `name` and remove everything that belongs to it alone.

        Raises
        ------
        DeploymentNotFoundError
            If nothing is deployed under this name, unless `missing_ok`.
        """
        delete(self._backend, name, missing_ok=missing_ok)

    def __repr__(self) -> str:
        return f"DeployTarget.open({self.name!r})"


def _checked(backend: object) -> TargetBackend:
    """Return `backend`; raise InvalidOptionError if it is none."""
    if isinstance(backend, TargetBackend):
        return backend
    name = backend if isinstance(backend, str) else "process"
    expected = f"a TargetBackend; to open a target by its name, call DeployTarget.open({name!r})"
    raise InvalidOptionError("DeployTarget(backend)", backend, expected)
