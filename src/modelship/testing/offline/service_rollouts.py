"""The steps of a deployment: the environment, the image, the container, and a healthy service."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from modelship.errors import TargetUnavailableError
from modelship.targets.state import State
from modelship.testing.offline import deployment_failures as failures
from modelship.testing.offline.addresses import Addresses
from modelship.testing.offline.builds import Build, Builder
from modelship.testing.offline.compute_docker import DockerContainers
from modelship.testing.offline.compute_processes import ProcessContainers
from modelship.testing.offline.deployment_failures import DeploymentFailure
from modelship.testing.offline.front import Fronts
from modelship.testing.offline.moments import moment
from modelship.testing.offline.service_containers import Containers, instance_of
from modelship.testing.offline.service_documents import OWN, completed, key_of, resumed
from modelship.testing.offline.unsimulated import remarks
from modelship.testing.offline.workers import Workers

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.progress import Steps
    from modelship.targets.instance import Instance
    from modelship.testing.offline.compute import Compute
    from modelship.testing.offline.custom_images import Runnable
    from modelship.testing.offline.faults import StageFault
    from modelship.testing.offline.offline_context import Context

__all__ = ["HEALTHY_WITHIN_S", "Rollouts"]

HEALTHY_WITHIN_S = 600.0
"""How long a container may take to become healthy before the deployment is aborted."""

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.5
_log = logging.getLogger(__name__)


class _OvertakenError(Exception):
    """A newer operation, a deletion, or the end of the workspace took over."""


class Rollouts:
    """Starts and stops services; each deployment runs in its own thread.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.

    Attributes
    ----------
    compute : Compute
        Runs the containers.
    addresses : Addresses
        Route requests to them.
    workers : Workers
        Do what has to end before the containers are stopped.
    """

    def __init__(self, context: Context) -> None:
        store = context.store
        self.compute = _compute_of(context)
        self._services = store.documents("services")
        fronts = Fronts(key=context.front_key, listeners=context.listeners)
        self.addresses = Addresses(context, fronts=fronts)
        self._containers = Containers(store, compute=self.compute, addresses=self.addresses)
        self._operations = context.operations
        self._builder = Builder(context, self.compute)
        self._faults = context.faults
        self._insights = context.insights
        self._location = context.identity.location
        self._locks: dict[str, threading.RLock] = {}
        self.workers = Workers()

    def changing(self, name: str) -> threading.RLock:
        """Return the lock to hold while a container of this name starts or stops.

        If both are needed, acquire it before the lock of the documents. An endpoint and its
        versions share one.
        """
        return self._locks.setdefault(name.partition(".")[0], threading.RLock())

    def begin(self, request: Request, name: str) -> Response:
        """Start to deploy a service as its document says; respond with the operation to follow."""
        return self._operations.accepted(self.deploy(name), request)

    def deploy(self, name: str) -> str:
        """Start to deploy a service as its document says; return the id of the operation."""
        operation = self._operations.begin(name)
        fault = self._faults.of_deployment(name)
        self._containers.note(name, operation=operation)
        self._begin(name, operation, fault)
        return operation

    def done(self, request: Request, name: str) -> Response:
        """Update the front of a service or endpoint; respond with an operation that has ended."""
        return self._operations.accepted(self.renewed(name), request)

    def renewed(self, name: str) -> str:
        """Update the front of a service or endpoint; return the id of an operation that ended."""
        self.addresses.renew(name)
        operation = self._operations.begin(name)
        self._operations.end(operation, "Succeeded")
        return operation

    def start(self) -> None:
        """Restart all services that ran when the workspace was closed; wait until they run.

        Whatever an earlier process left running is stopped first. A deployment in progress has
        failed; an update in progress is undone. The documents of the others still say that they are
        healthy, so that a restart that is interrupted is repeated the next time.
        """
        error = failures.interrupted().error
        for operation in self._operations.unfinished():
            self._operations.end(operation, "Failed", error=error)
        found = [resumed(each, error) for each in self._services.all()]
        if found:
            self.compute.stop_all()
        for document in found:
            self._services.put(key_of(document), document)
        for document in found:
            if document["state"] == State.HEALTHY:
                self._begin(key_of(document), document[OWN]["operation"], None)
        self.workers.wait()

    def remove(self, name: str) -> None:
        """Cancel the deployment of a service, and stop everything that runs for it."""
        with self.changing(name):
            document = self._services.get(name)
            if document is not None:
                self._operations.end(document[OWN]["operation"], "Cancelled")
            self._containers.remove(name)

    def refresh(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the current document of a service: a container may have exited since."""
        instance = instance_of(document[OWN].get("instance"))
        if document["state"] != State.HEALTHY or instance is None or self.workers.closed:
            return document
        if self._containers.is_starting(instance):
            return {**document, "state": str(State.TRANSITIONING)}  # it is being restarted
        try:
            if not self.compute.ended(instance):
                return document
            with self.changing(key := key_of(document)):
                return self._note_end(key, instance)
        except (TargetUnavailableError, _OvertakenError):  # no engine responds, or it was deleted
            return document

    def logs(self, name: str) -> str:
        """Return the output of a service's container, after remarks about what is not simulated.

        The log of a failed container is kept.
        """
        document = self._services.get(name)  # None if it was deleted just now
        said = self._remarks(document) if document else []
        return "".join(f"[modelship] {each}\n" for each in said) + self._containers.log(name)

    def close(self) -> None:
        """Stop everything that runs; :meth:`start` starts it again, as the documents say."""
        with ExitStack() as stack:
            stack.callback(self.addresses.close)
            stack.callback(self.compute.close)
            self.workers.close()

    # --- one deployment -------------------------------------------------------------------

    def _begin(self, name: str, operation: str, fault: StageFault | None) -> None:
        self.workers.run(lambda: self._run(name, operation, fault), name=f"deploy {name}", wait_s=0)

    def _run(self, name: str, operation: str, fault: StageFault | None) -> None:
        try:
            self._roll_out(name, operation, fault)
        except _OvertakenError:
            self._cancel(operation)
        except DeploymentFailure as failure:
            self._fail(name, operation, failure)
        except Exception as error:  # noqa: BLE001 - it becomes the error of the operation
            _log.exception("deploying %s failed", name)
            unforeseen = failures.never_started(f"{type(error).__name__}: {error}")
            self._fail(name, operation, unforeseen)

    def _roll_out(self, name: str, operation: str, fault: StageFault | None) -> None:
        stage = fault.stage if fault else ""
        noted = self._remarks(self._require(name, operation))
        self._operations.step(operation, "BuildEnvironment", *noted, "Registering the environment.")
        if stage == "stuck":
            return
        if stage == "timeout":
            raise failures.timed_out()
        if fault and stage == "reported":
            raise DeploymentFailure(fault.code, 400, fault.message)
        with ExitStack() as stack:
            document = self._require(name, operation)
            build = Build(document, operation, stack, stage)
            image = self._builder.obtain(build)
            image = image and image.with_variables(self._insights.variables(document))
            self._operations.step(
                operation,
                "DeployService",
                "Generating deployment configuration.",
                "Submitting deployment to compute.",
            )
            instance = self._start(name, operation, image, build.steps)
        status = f"Checking the status of deployment {name}."
        self._operations.step(operation, "DeployService", status)
        self._await(name, operation, instance, stage)
        self._succeed(name, operation)

    def _start(self, name: str, operation: str, image: Runnable | None, steps: Steps) -> Instance:
        with self.changing(name):
            self._require(name, operation)
            return self._containers.start(name, image, steps)

    def _await(self, name: str, operation: str, instance: Instance, stage: str) -> None:
        end, pause_s = time.monotonic() + HEALTHY_WITHIN_S, _FIRST_PAUSE_S
        while (state := self.compute.observe(instance).state) is not State.HEALTHY:
            with self.changing(name):
                self._require(name, operation)
                if state is State.FAILED:
                    raise self._containers.why(name, instance)
            injected = stage == "never-healthy" and failures.MARK in self.compute.logs(instance)
            if injected or time.monotonic() > end:
                raise failures.timed_out()
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.2, _LONGEST_PAUSE_S)

    def _succeed(self, name: str, operation: str) -> None:
        with self.changing(name):
            self._require(name, operation)
            found = {"state": str(State.HEALTHY), "scoringUri": self._containers.serve(name)}
            self._settle(name, **found, error=None)
        self._operations.end(operation, "Succeeded")

    def _fail(self, name: str, operation: str, failure: DeploymentFailure) -> None:
        with self.changing(name):
            try:
                error = failure.error_at(self._require(name, operation))
                self._settle(name, state=failure.service_state, error=error)
                if failure.log:
                    self._containers.keep_log(name, failure.log)
                shown = name.rpartition(":")[2]  # without the prefix of online deployments
                _log.warning("the deployment of %s has failed: %s", shown, error["message"])
            except (_OvertakenError, KeyError):
                self._cancel(operation)
                return
        self._operations.end(operation, failure.operation_state, error=error)

    def _cancel(self, operation: str) -> None:
        """Record that another one took over; the next workspace ends one that this one leaves."""
        if not self.workers.closed:
            self._operations.end(operation, "Cancelled")

    # --- what is written down -------------------------------------------------------------

    def _note_end(self, name: str, instance: Instance) -> dict[str, Any]:
        document = self._require(name)
        is_another = instance_of(document[OWN].get("instance")) != instance
        if is_another or document["state"] != State.HEALTHY:
            return document  # it was replaced just now, or is about to be
        failure = self._containers.why(name, instance)
        error = failure.error_at(document)
        return self._services.change(name, state=failure.service_state, error=error)

    def _require(self, name: str, operation: str | None = None) -> dict[str, Any]:
        """Return a service's document; raise an error if another operation owns it now."""
        document = self._services.get(name)
        if document is None:
            raise _OvertakenError
        if operation is not None and (
            self.workers.closed or document[OWN]["operation"] != operation
        ):
            raise _OvertakenError
        return document

    def _settle(self, name: str, **fields: Any) -> None:
        """Record the end of a deployment."""
        with self._services.lock:
            own = completed(self._require(name))
            self._services.change(name, **fields, updatedTime=moment(), **{OWN: own})

    def _remarks(self, document: dict[str, Any]) -> list[str]:
        return [
            *remarks(document, location=self._location),
            *self._insights.remarks(document),
        ]


def _compute_of(context: Context) -> Compute:
    folder, key = context.store.folder, context.front_key
    if context.compute == "docker":
        return DockerContainers(folder, base_image=context.base_image, front_key=key)
    return ProcessContainers(folder, front_key=key)
