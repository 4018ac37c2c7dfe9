"""Define ServiceHandle: the read-only part of a handle on one running service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelship.progress import DeadlineExceededError, Steps
from modelship.targets import health
from modelship.targets.calling import Caller

if TYPE_CHECKING:
    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.findings import Diagnosis
    from modelship.tables import Schema
    from modelship.targets.backend import TargetBackend
    from modelship.targets.describing import ServiceDescription
    from modelship.targets.instance import Instance
    from modelship.targets.release import ReleaseRecord
    from modelship.targets.state import State

__all__ = ["ServiceHandle"]


class ServiceHandle:
    """The read-only operations on a service; the parameters are those of :class:`Deployment`."""

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
        """The release that it serves, with its options."""
        return self.instance.release

    @property
    def scoring_uri(self) -> str:
        """The URI for scoring requests."""
        return self.instance.scoring_uri

    @property
    def swagger_uri(self) -> str:
        """The URI of the service's description of itself."""
        return self.scoring_uri.removesuffix("/score") + "/swagger.json"

    @property
    def input_key(self) -> str | None:
        """The key under which the bundle's sample request held its rows."""
        return self.instance.release.input_key

    @property
    def input_form(self) -> str | None:
        """The form of the rows of a request: ``"records"`` or ``"rows"``; None if unspecified."""
        return self.instance.release.input_form

    @property
    def task(self) -> str:
        """The task, ``"classification"`` or ``"regression"``; empty if unknown."""
        return self.instance.release.task

    @property
    def schema(self) -> Schema:
        """The input and output of its model, from the service; ``Schema()`` if not described.

        Raises
        ------
        ScoringError
            If the service does not answer.
        """
        return self.describe().schema

    @property
    def state(self) -> State:
        """The current state of the service, queried on each access.

        Raises
        ------
        DeploymentNotFoundError
            If it was deleted.
        """
        return health.state_of(self._backend, self.instance)

    def wait(self, *, timeout_s: float = 600.0) -> Self:
        """Wait until the service is healthy, and return it.

        Raises
        ------
        DeploymentFailedError
            If it exits instead; the error has the tail of its log.
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

    def describe(self, *, timeout_s: float = 10.0) -> ServiceDescription:
        """Request the service's description of its input and output: OpenAPI, and the schema.

        Parameters
        ----------
        timeout_s : float
            The deadline of the whole answer, in seconds.

        Raises
        ------
        ScoringError
            If it does not answer.
        """
        return self._caller.description(self.instance, timeout_s=timeout_s)

    def run(self, payload: object, *, timeout_s: float = 60.0) -> Any:
        """Score one payload and return the decoded answer.

        Parameters
        ----------
        payload : DataFrame, JSON value, array, str or bytes
            A str or bytes is sent unchanged. The rows of a DataFrame are sent in the form that the
            service accepts, under its key; anything else is serialized as JSON.
        timeout_s : float
            The deadline of the whole answer, in seconds. The default is that of Azure Container
            Instances.

        Raises
        ------
        ScoringRequestError
            If run() raised or refused: it has the status and the request id.
        ScoringTimeoutError, ServiceUnreachableError, InvalidPayloadError
            If there was no answer, or nothing could be sent.
        """
        from modelship.bundle.payload import payload_of
        from modelship.tables.plain import is_frame

        if is_frame(payload):
            payload = payload_of(payload, key=self.input_key, form=self.input_form)
        return self._caller.send(self.instance, payload, timeout_s=timeout_s)

    def logs(self, *, tail: int | None = None) -> str:
        """Return the log of the service; only the last `tail` lines if given."""
        if tail is None:
            return self._backend.logs(self.instance)
        return self._backend.log_end(self.instance, lines=tail)

    def diagnose(self) -> Diagnosis | None:
        """Return why the service is not healthy: the cause, the evidence, and one thing to do.

        None if it is healthy, or is starting without a problem so far. If no cause is known, the
        code is ``"MS699"`` and the evidence is the end of the log.

        Raises
        ------
        DeploymentNotFoundError
            If it was deleted.
        """
        return health.explain(self._backend, self.instance)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} on {self.target!r} at {self.scoring_uri}>"
