"""Define Deployment: a handle on one running service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from modelship.errors import DeploymentNotFoundError, InvalidOptionError, StorageError
from modelship.targets import health
from modelship.targets.deleting import delete
from modelship.targets.pictured import History, deployment_html
from modelship.targets.release import Serving
from modelship.targets.rolling_back import release_before, require_same_place
from modelship.targets.service_handle import ServiceHandle
from modelship.targets.settling import history

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.bundle import ScoringBundle
    from modelship.evaluation import Gate
    from modelship.routing import Canary, Shadow
    from modelship.runtime.variables import Secret
    from modelship.targets.deploying import Check
    from modelship.targets.kept import KeptReleases
    from modelship.targets.keys import ServiceKeys

__all__ = ["Deployment"]


class Deployment(ServiceHandle):
    """A handle on one running service.

    Returned by :meth:`DeployTarget.deploy` and :meth:`DeployTarget.get`. As a context manager it
    deletes the service on exit::

        with target.deploy(bundle, name="digits") as deployment:
            deployment.run({"data": rows})

    Parameters
    ----------
    backend : TargetBackend
        The place of the service.
    instance : Instance
        Its record.
    """

    def update(
        self,
        change: ScoringBundle | Serving,
        *,
        serving: Serving | None = None,
        check: Check | None = None,
        trust_model: bool = False,
        gate: Gate | None = None,
        rollout: Canary | Literal["canary"] | None = None,
        shadow: Shadow | None = None,
        timeout_s: float = 600.0,
        show_output: bool = True,
    ) -> None:
        """Serve another bundle with the same serving, or the same bundle with another serving.

        This handle then refers to the new instance. If that does not become healthy, the old
        release keeps serving. To change one option only, use ``replace(deployment.serving(),
        workers=2)`` (of :mod:`dataclasses`).

        Parameters
        ----------
        change : ScoringBundle or Serving
            The new value; the other one stays unchanged.
        serving : Serving, optional
            The serving of the given bundle, to change both.
        check, trust_model
            See :meth:`DeployTarget.deploy`; an unchanged bundle is already trusted.
        gate, rollout, shadow
            The stages that the new release has to pass; see :meth:`DeployTarget.deploy`.
        timeout_s : float
            The timeout in seconds of everything but a canary and a shadow, which have their own.
        show_output : bool
            Show each step with its duration on stderr.

        Raises
        ------
        DeploymentNotFoundError
            If it was deleted.
        InvalidOptionError
            If a secret of an unchanged part cannot be read again, or the target is opened with
            other options than when the service was deployed: deploy it with those and
            ``overwrite=True``.
        StorageError
            If an unchanged part was deployed from another machine, and is not kept here.
        ModelshipError
            As :meth:`DeployTarget.deploy`.
        """
        from modelship.targets.deploying import deploy
        from modelship.targets.rollout_stages import Stages

        stages = Stages.checked(gate=gate, rollout=rollout, shadow=shadow)
        self._follow()
        self._require_record()
        require_same_place(self._backend, self.release, doing="update")
        if isinstance(change, Serving):
            if serving is not None:
                raise InvalidOptionError("serving", "a second Serving", "a ScoringBundle before it")
            bundle, serving = self._kept.bundle(self.release.digest), change
            trust_model = True
        else:
            bundle, serving = change, serving or self.serving()
        self.instance = deploy(
            self._backend,
            bundle,
            name=self.name,
            serving=serving,
            kind="update",
            overwrite=True,
            check=check,
            trust_model=trust_model,
            timeout_s=timeout_s,
            show_output=show_output,
            stages=stages,
        )

    def bundle(self) -> ScoringBundle:
        """Return the bundle that it serves.

        Raises
        ------
        StorageError
            If it was deployed by other means or from another machine, and is not kept.
        """
        return self._kept.bundle(self.release.digest)

    def serving(self, *, secrets: Mapping[str, str | Secret] | None = None) -> Serving:
        """Return how the bundle is served; its secrets are read again from their sources.

        Parameters
        ----------
        secrets : Mapping[str, str or Secret], optional
            Sources that replace or extend the recorded ones.

        Raises
        ------
        InvalidOptionError
            If a secret cannot be read.
        StorageError
            If the service was deployed from another machine, and its release is not kept here.
        """
        digest = self.release.digest
        if not digest:  # it was deployed by other means, and its serving is unknown
            return Serving(secrets=secrets or {})
        return self._kept.serving(digest, secrets=secrets)

    @property
    def place_options(self) -> Mapping[str, Any]:
        """The options, without secrets, with which the target was opened for this deployment.

        Raises
        ------
        StorageError
            If the service was deployed from another machine, and its release is not kept here.
        """
        return self._kept.place(self.release.digest)

    def rollback(
        self,
        *,
        to: int | None = None,
        secrets: Mapping[str, str | Secret] | None = None,
        timeout_s: float = 600.0,
        show_output: bool = True,
    ) -> None:
        """Serve an earlier release again; this handle then refers to it.

        Without `to` that is the previous release. Another rollback goes further back, and never to
        a release from which a rollback was made. An update that has failed, or was refused, has
        changed nothing: it needs no rollback, and does not count as a release.

        Parameters
        ----------
        to : int, optional
            The number of a change in :meth:`history`: its release is served again, also an older
            one or one from which a rollback was made.
        secrets : Mapping[str, str or Secret], optional
            Sources that replace those of the secrets of that release.
        timeout_s : float
            The timeout of everything, in seconds.
        show_output : bool
            Show each step with its duration on stderr.

        Raises
        ------
        DeploymentNotFoundError
            If it was deleted.
        NoEarlierReleaseError
            If nothing has served before.
        InvalidOptionError
            If no such change has served, or a secret of its release cannot be read again.
        StorageError
            If that release is not kept on this machine.
        ModelshipError
            As :meth:`DeployTarget.deploy`.
        """
        from modelship.targets.deploying import deploy

        self._follow()
        digest = release_before(self._backend, self.instance, self.history(), to=to)
        self.instance = deploy(
            self._backend,
            name=self.name,
            serving=self._kept.serving(digest, secrets=secrets),
            bundle=self._kept.bundle(digest),
            kind="rollback",
            overwrite=True,
            check="off",  # its model was trusted when it was deployed
            trust_model=True,
            timeout_s=timeout_s,
            show_output=show_output,
        )

    def history(self) -> History:
        """Return the changes of the name, oldest first, including failed ones.

        The last hundred changes are kept. A change whose deployer was killed is settled when this
        is read, by the release that the name actually serves.
        """
        return History(history(self._backend, self.name))

    def _follow(self) -> None:
        """Update this handle to the instance that serves the name: others may have changed it."""
        found = health.serving_one(self._backend, self._backend.instances(self.name))
        if found is None:
            raise DeploymentNotFoundError(name=self.name, target=self.target)
        self.instance = found

    def _require_record(self) -> None:
        """Require a readable record of the current release, on which a change of it depends."""
        if self.instance.broken:
            raise StorageError(
                path=f"the record of {self.name!r} on {self.target!r}",
                cause=self.instance.broken,
                advice="Deploy its bundle again with overwrite=True (--overwrite).",
            )

    @property
    def _kept(self) -> KeptReleases:
        return self._backend.releases(self.name)

    def keys(self) -> ServiceKeys:
        """Return the keys of the service; :meth:`run` finds them by itself.

        Raises
        ------
        UnsupportedError
            If the target has no keys.
        """
        return self._caller.keys(self.instance)

    def regenerate_key(
        self, which: Literal["primary", "secondary"], *, value: str | None = None
    ) -> ServiceKeys:
        """Regenerate one of the keys, at random or as `value`, and return both.

        Raises
        ------
        UnsupportedError
            If the target has no keys.
        """
        self._caller.regenerate_key(self.instance, which, value=value)
        return self.keys()

    def delete(self, *, missing_ok: bool = False) -> None:
        """Stop the service and remove it.

        Raises
        ------
        DeploymentNotFoundError
            If it was deleted before, unless `missing_ok`.
        """
        delete(self._backend, self.name, missing_ok=missing_ok)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.delete(missing_ok=True)

    def _repr_html_(self) -> str:
        return deployment_html(self)
