"""Deployment: a handle on one running service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.bundle import ScoringBundle
    from modelship.findings import Diagnosis
    from modelship.targets.backend import Instance
    from modelship.targets.keys import ServiceKeys
    from modelship.targets.state import State
    from modelship.targets.target import DeployTarget

__all__ = ["Deployment"]


class Deployment:
    """A handle on one running service.

    Made by :meth:`DeployTarget.deploy` and :meth:`DeployTarget.get`. As a context manager it
    deletes the service on exit::

        with target.deploy(bundle, name="digits") as deployment:
            deployment.run({"data": rows})

    Parameters
    ----------
    target : DeployTarget
        Where it runs.
    instance : Instance
        Its record.
    """

    def __init__(self, target: DeployTarget, instance: Instance) -> None:
        self._target = target
        self.instance = instance

    @property
    def name(self) -> str:
        """The service's name."""
        return self.instance.name

    @property
    def target(self) -> str:
        """The name of the target that it runs on."""
        return self._target.name

    @property
    def digest(self) -> str:
        """The digest of the bundle that it runs, hex sha256."""
        return self.instance.digest

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
        return self.instance.input_key

    @property
    def state(self) -> State:
        """What the service is doing now; asked anew each time.

        Raises
        ------
        DeploymentNotFoundError
            If it was deleted.
        """
        return self._target.state_of(self.instance)

    def wait(self, *, timeout_s: float = 600.0) -> Deployment:
        """Wait until the service is healthy, and return it.

        Raises
        ------
        DeploymentFailedError
            If it ends instead; the error carries the tail of its log.
        DeploymentTimeoutError
            If it is not healthy after `timeout_s` seconds.
        """
        self._target.wait_for(self.instance, timeout_s=timeout_s)
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
        return self._target.send(self.instance, payload, timeout_s=timeout_s)

    def logs(self, *, tail: int | None = None) -> str:
        """Return what the service wrote; only the last `tail` lines if that is given."""
        return self._target.logs_of(self.instance, tail=tail)

    def diagnose(self) -> Diagnosis | None:
        """Return why the service is not healthy: the cause, what proves it, and one thing to do.

        None if it is healthy, or if it is starting and nothing has gone wrong so far. Where no
        cause is known, the code is ``"MS699"`` and the evidence is the end of the log.

        Raises
        ------
        DeploymentNotFoundError
            If it was deleted.
        """
        return self._target.diagnose(self.instance)

    def update(
        self, bundle: ScoringBundle, *, timeout_s: float = 600.0, show_output: bool = True
    ) -> None:
        """Run another bundle under this name; this handle is then one on the new instance.

        It is :meth:`DeployTarget.deploy` with `overwrite`, and raises what that raises: if the
        new bundle does not become healthy, the old one serves on.
        """
        updated = self._target.deploy(
            bundle, name=self.name, overwrite=True, timeout_s=timeout_s, show_output=show_output
        )
        self.instance = updated.instance

    def keys(self) -> ServiceKeys:
        """Return the keys that the service asks for; :meth:`run` finds them by itself.

        Raises
        ------
        UnsupportedError
            If the target knows no keys.
        """
        return self._target.keys_of(self.instance)

    def regenerate_key(
        self, which: Literal["primary", "secondary"], *, value: str | None = None
    ) -> ServiceKeys:
        """Make one of the keys anew, at random or as `value`, and return both.

        Raises
        ------
        UnsupportedError
            If the target knows no keys.
        """
        self._target.regenerate_key_of(self.instance, which, value=value)
        return self.keys()

    def delete(self, *, missing_ok: bool = False) -> None:
        """End the service and remove it.

        Raises
        ------
        DeploymentNotFoundError
            If it was deleted before, unless `missing_ok`.
        """
        self._target.delete(self.name, missing_ok=missing_ok)

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
