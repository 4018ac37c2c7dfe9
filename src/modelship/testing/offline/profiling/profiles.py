"""Profile models: build and start a container, send it the rows of a dataset, and measure it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import ModelshipError
from modelship.targets.state import State
from modelship.testing.offline import deployment_failures as failures
from modelship.testing.offline.builds import Build, Builder
from modelship.testing.offline.control import MMS
from modelship.testing.offline.deployment_failures import DeploymentFailure
from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.operations import ENDED
from modelship.testing.offline.profiling.measuring import measure
from modelship.testing.offline.profiling.profile_rows import rows_of
from modelship.testing.offline.service_requests import check_models, check_request
from modelship.testing.offline.service_rollouts import HEALTHY_WITHIN_S

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.targets.instance import Instance
    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.profiling.measuring import Measured
    from modelship.testing.offline.service_rollouts import Rollouts

__all__ = ["Profiles"]

_LARGEST: Final = {"cpu": 3.5, "memoryInGB": 15.0}  # the defaults of a profile
_PLACE: Final = f"{MMS}/profiles"
_PAUSE_S: Final = 0.1
_NEEDS_PROCESSES: Final = (
    "An offline workspace whose services are containers cannot measure profiles: open it with "
    "compute='process'."
)


class Profiles(Part):
    """The profiles of a workspace.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    rollouts : Rollouts
        Has what runs the containers, and what waits for work at the end.
    """

    def __init__(self, context: Context, rollouts: Rollouts) -> None:
        super().__init__(context)
        self._documents = context.store.documents("profiles")
        self._operations = context.operations
        self._compute = rollouts.compute
        self._workers = rollouts.workers
        self._front_key = context.front_key
        self._container = f"azureml-blobstore-{context.identity.workspace_id}"

    @answers("profiles.create", "POST", _PLACE, shape={"name": str, "inputDatasetId": str})
    def _create(self, request: Request, body: dict[str, Any]) -> Response:
        if not self._compute.can_be_measured:
            raise RefusalError(400, "NotInOfflineWorkspace", _NEEDS_PROCESSES)
        resources = _LARGEST | (body.get("containerResourceRequirements") or {})
        wanted = body | {"containerResourceRequirements": resources}
        check_request(wanted)
        check_models(self._store, wanted)
        name = wanted["name"]
        rows = self._rows(wanted["inputDatasetId"])
        operation = self._operations.begin(name, kind="Profile")
        document = _document(wanted, operation)
        self._documents.put(name, document)
        profile = partial(self._profile, document, rows)
        work = partial(self._operations.carry_out, operation, profile)
        self._workers.run(work, name=f"profile {name}", wait_s=0)
        return self._operations.accepted(operation, request)

    @answers("profiles.list", "GET", _PLACE)
    def _list(self, request: Request) -> dict[str, Any]:
        name = request.args.get("name")
        named = [each for each in self._documents.all() if name in {None, each["name"]}]
        found = [self._shown(each, request) for each in named]
        if name and not found:
            raise RefusalError(404, "ProfileNotFound", f"There is no profile with the name {name}.")
        found.sort(key=lambda each: str(each["createdTime"]), reverse=True)
        return {"value": found[: request.args.get("count", len(found), int)]}

    def _shown(self, document: dict[str, Any], request: Request) -> dict[str, Any]:
        """Return what a client sees: the state of a profile is that of its operation."""
        operation = self._operations.find(document["operation"])
        state = operation["state"] if operation["state"] in ENDED else "Running"
        shown = document | {"state": state}
        if state == "Failed":
            shown["error"] = operation["error"]
            shown["errorLogsUri"] = self._operations.log_address(operation["id"], request)
        return shown

    def _rows(self, dataset_id: str) -> list[str]:
        message = f"There is no dataset with the id {dataset_id}."
        datasets = self._store.documents("saved-datasets")
        dataset = datasets.require(dataset_id, "DatasetNotFound", message)
        return rows_of(dataset, self._store, container=self._container)

    def _profile(self, document: dict[str, Any], rows: list[str]) -> None:
        """Measure, and record what was found unless there is a newer profile of this name."""
        name, operation = document["name"], document["operation"]
        measured = self._measure(document, rows)
        self._check_open()
        total, failed = len(measured.latencies_ms), len(measured.failures)
        problem = _unanswered(measured.failures, total) if failed else None
        found = measured.document | ({"error": problem.error} if problem else {})
        with self._documents.lock:
            if (self._documents.get(name) or {}).get("operation") == operation:
                self._documents.change(name, **found)
        if problem and failed == total:
            raise problem

    def _measure(self, document: dict[str, Any], rows: list[str]) -> Measured:
        name, operation = document["name"], document["operation"]
        self._operations.step(operation, "BuildImage", "Building image.")
        with ExitStack() as stack:
            build = Build(document, operation, stack)
            image = Builder(self._context, self._compute).build(build)
            if image is None:
                raise failures.never_started(
                    "The environment does not contain an inference server."
                )
            self._check_open()
            try:
                instance = self._compute.run(name, image, build.steps)
            except (ModelshipError, TimeoutError) as error:
                raise failures.never_started(str(error)) from error
        try:
            self._await(name, instance, document)
            self._operations.step(operation, "DeployService", f"Sending {len(rows)} requests.")
            return measure(
                instance.scoring_uri,
                rows,
                headers={"Content-Type": "application/json", "X-MODELSHIP-FRONT": self._front_key},
                usage=lambda: self._compute.usage(instance),
                has_to_end=lambda: self._workers.closed,
            )
        finally:
            self._operations.write(operation, self._compute.logs(instance))
            self._compute.stop(instance)

    def _await(self, name: str, instance: Instance, document: dict[str, Any]) -> None:
        end = time.monotonic() + HEALTHY_WITHIN_S
        while (state := self._compute.observe(instance).state) is not State.HEALTHY:
            self._check_open()
            if state is State.FAILED and self._compute.ran_out_of_memory(instance):
                memory_gb = document["containerResourceRequirements"]["memoryInGB"]
                raise failures.out_of_memory(name, memory_gb=memory_gb)
            if state is State.FAILED:
                raise failures.crashed(name, self._compute.logs(instance))
            if time.monotonic() > end:
                raise failures.timed_out()
            time.sleep(_PAUSE_S)

    def _check_open(self) -> None:
        """End the profile if the workspace ends."""
        if self._workers.closed:
            raise failures.interrupted()


def _document(wanted: dict[str, Any], operation: str) -> dict[str, Any]:
    request = wanted["environmentImageRequest"]
    return {
        "id": wanted["name"],
        "name": wanted["name"],
        "description": wanted.get("description"),
        "createdTime": moment(),
        "inputDatasetId": wanted["inputDatasetId"],
        "containerResourceRequirements": wanted["containerResourceRequirements"],
        "requestedQueriesPerSecond": None,
        "modelIds": request.get("modelIds") or [],
        "environmentImageRequest": request,
        "operation": operation,
    }


def _unanswered(found: tuple[str, ...], total: int) -> DeploymentFailure:
    message = f"{len(found)} of {total} requests were not answered with 200; the first: {found[0]}"
    return DeploymentFailure("RequestsFailed", 400, message)
