"""Deployment: a handle on one running service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelship.targets.scoring import score

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.targets.backend import Instance
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
        return score(self.scoring_uri, payload, timeout_s=timeout_s)

    def logs(self, *, tail: int | None = None) -> str:
        """Return what the service wrote; only the last `tail` lines if that is given."""
        return self._target.logs_of(self.instance, tail=tail)

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
