"""Deployment: a handle on one running service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from modelship.errors import DeploymentNotFoundError, InvalidOptionError
from modelship.progress import DeadlineExceededError, Steps
from modelship.targets import health
from modelship.targets.calling import Caller
from modelship.targets.deploying import deploy
from modelship.targets.kept import kept_bundle, kept_serving
from modelship.targets.release import Serving

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.bundle import ScoringBundle
    from modelship.findings import Diagnosis
    from modelship.runtime.variables import Secret
    from modelship.targets.backend import TargetBackend
    from modelship.targets.history import Change
    from modelship.targets.instance import Instance
    from modelship.targets.keys import ServiceKeys
    from modelship.targets.release import ReleaseRecord
    from modelship.targets.state import State

__all__ = ["Deployment", "delete"]


class Deployment:
    """A handle on one running service.

    Made by :meth:`DeployTarget.deploy` and :meth:`DeployTarget.get`. As a context manager it
    deletes the service on exit::

        with target.deploy(bundle, name="digits") as deployment:
            deployment.run({"data": rows})

    Parameters
    ----------
    backend : TargetBackend
        The place that runs it.
    instance : Instance
        Its record.
    """

    def __init__(self, backend: TargetBackend, instance: Instance) -> None:
        self._backend = backend
        self._caller = Caller(backend)
        self.instance = instance

    @property
    def name(self) -> str:
        """The service's name."""
        return self.instance.name

    @property
    def target(self) -> str:
        """The name of the target that it runs on."""
        return self._backend.name

    @property
    def digest(self) -> str:
        """The digest of the bundle that it runs, hex sha256."""
        return self.instance.digest

    @property
    def release(self) -> ReleaseRecord:
        """What it serves, and how."""
        return self.instance.release

    @property
    def scoring_uri(self) -> str:
        """Where requests go."""
        return self.instance.scoring_uri

    @property
    def swagger_uri(self) -> str:
        """Where the service describes itself."""
        return self.scoring_uri.removesuffix("/score") + "/swagger.json"

    @property
    def input_key(self) -> str | None:
        """The key under which the bundle's sample request held its rows."""
        return self.instance.release.input_key

    @property
    def state(self) -> State:
        """What the service is doing now; asked anew each time.

        Raises
        ------
        DeploymentNotFoundError
            If it was deleted.
        """
        return health.state_of(self._backend, self.instance)

    def wait(self, *, timeout_s: float = 600.0) -> Deployment:
        """Wait until the service is healthy, and return it.

        Raises
        ------
        DeploymentFailedError
            If it ends instead; the error carries the tail of its log.
        DeploymentTimeoutError
            If it is not healthy after `timeout_s` seconds.
        """
        steps = Steps(self.name, timeout_s=timeout_s)
        try:
            with steps.step("Wait until it is healthy"):
                health.wait_until_healthy(self._backend, self.instance, steps.deadline)
        except DeadlineExceededError as error:
            raise health.timed_out(self._backend, self.instance, steps) from error
        return self

    def run(self, payload: object, *, timeout_s: float = 60.0) -> Any:
        """Score one payload and return the decoded answer.

        Parameters
        ----------
        payload : JSON value, array, str or bytes
            A str or bytes is the body as it stands; anything else is written as JSON.
        timeout_s : float
            Seconds until the whole answer has to be there. The default is what Azure
            Container Instances allows.

        Raises
        ------
        ScoringRequestError
            If run() raised or refused: it has the status and the request id.
        ScoringTimeoutError, ServiceUnreachableError, InvalidPayloadError
            If no answer came, or nothing could be sent.
        """
        return self._caller.send(self.instance, payload, timeout_s=timeout_s)

    def logs(self, *, tail: int | None = None) -> str:
        """Return what the service wrote; only the last `tail` lines if that is given."""
        if tail is None:
            return self._backend.logs(self.instance)
        return self._backend.log_end(self.instance, lines=tail)

    def diagnose(self) -> Diagnosis | None:
        """Return why the service is not healthy: the cause, what proves it, and one thing to do.

        None if it is healthy, or if it is starting and nothing has gone wrong so far. Where no
        cause is known, the code is ``"MS699"`` and the evidence is the end of the log.

        Raises
        ------
        DeploymentNotFoundError
            If it was deleted.
        """
        return health.explain(self._backend, self.instance)

    def update(
        self,
        change: ScoringBundle | Serving,
        *,
        timeout_s: float = 600.0,
        show_output: bool = True,
    ) -> None:
        """Serve another bundle in the same way, or the same bundle in another way.

        This handle is then one on the new instance. If that does not become healthy, the old one
        serves on.

        Parameters
        ----------
        change : ScoringBundle or Serving
            What is to be new; the other stays what it is.
        timeout_s : float
            Seconds for everything.
        show_output : bool
            Show each step with its duration on stderr.

        Raises
        ------
        StorageError
            If what is to stay was deployed from another machine, and is not kept here.
        ModelshipError
            As :meth:`DeployTarget.deploy`.
        """
        if isinstance(change, Serving):
            bundle, serving = kept_bundle(self.release.digest), change
        else:
            bundle, serving = change, kept_serving(self.release.digest)
        self._deploy(bundle, serving, "update", timeout_s=timeout_s, show_output=show_output)

    def rollback(
        self,
        *,
        secrets: Mapping[str, str | Secret] | None = None,
        timeout_s: float = 600.0,
        show_output: bool = True,
    ) -> None:
        """Serve the release before this one again; this handle is then one on it.

        Parameters
        ----------
        secrets : Mapping[str, str or Secret], optional
            In place of where the secrets of that release were read from.
        timeout_s : float
            Seconds for everything.
        show_output : bool
            Show each step with its duration on stderr.

        Raises
        ------
        InvalidOptionError
            If there is no release before this one.
        StorageError
            If that release is not kept on this machine.
        ModelshipError
            As :meth:`DeployTarget.deploy`.
        """
        digest = self._previous()
        serving = kept_serving(digest, secrets=secrets)
        bundle = kept_bundle(digest)
        self._deploy(bundle, serving, "rollback", timeout_s=timeout_s, show_output=show_output)

    def history(self) -> tuple[Change, ...]:
        """Return what the name has served, the oldest first; also what failed."""
        return tuple(self._backend.journal(self.name).changes())

    def _previous(self) -> str:
        """Return the digest of the release that was served before this one."""
        for change in reversed(self.history()):
            if change.release.digest == self.release.digest and change.previous:
                return change.previous
        expected = "a service that has served another release before"
        raise InvalidOptionError("rollback", self.name, expected)

    def _deploy(
        self,
        bundle: ScoringBundle,
        serving: Serving,
        kind: Literal["update", "rollback"],
        *,
        timeout_s: float,
        show_output: bool,
    ) -> None:
        self.instance = deploy(
            self._backend,
            bundle,
            name=self.name,
            serving=serving,
            kind=kind,
            overwrite=True,
            check=None,
            trust_model=False,
            timeout_s=timeout_s,
            show_output=show_output,
        )

    def keys(self) -> ServiceKeys:
        """Return the keys that the service asks for; :meth:`run` finds them by itself.

        Raises
        ------
        UnsupportedError
            If the target knows no keys.
        """
        return self._caller.keys(self.instance)

    def regenerate_key(
        self, which: Literal["primary", "secondary"], *, value: str | None = None
    ) -> ServiceKeys:
        """Make one of the keys anew, at random or as `value`, and return both.

        Raises
        ------
        UnsupportedError
            If the target knows no keys.
        """
        self._caller.regenerate_key(self.instance, which, value=value)
        return self.keys()

    def delete(self, *, missing_ok: bool = False) -> None:
        """End the service and remove it.

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

    def __repr__(self) -> str:
        return f"<Deployment {self.name!r} on {self.target!r} at {self.scoring_uri}>"


def delete(backend: TargetBackend, name: str, *, missing_ok: bool) -> None:
    """End the service `name`, remove everything that belongs to it alone, and write that down."""
    mine = backend.instances(name)
    if not mine:
        if missing_ok:
            return
        known = sorted({each.name for each in backend.instances()})
        raise DeploymentNotFoundError(name=name, target=backend.name, known=known)
    for instance in mine:
        backend.stop(instance)
    journal = backend.journal(name)
    for change in journal.changes():
        if change.outcome in {"serving", "under way"}:
            journal.write(change.ended("ended", "deleted"))
