"""The jobs of batch endpoints: started at the data plane, and followed at the resource manager.

As in Azure, a job is a run with one child, ``batchscoring``, which does the work and has the
output, ``score``. The runs are those of the run history.
"""

from __future__ import annotations

import re
import shutil
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelship.process_variables import process_variables
from modelship.testing.offline.computes import most_nodes
from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import RefusalError, json_response, optional
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.runs.jobs import Job
from modelship.testing.offline.runs.run_records import RUN_ORIGIN
from modelship.testing.offline.runs.submissions import Submission
from modelship.testing.offline.v2.arm_operations import accepted
from modelship.testing.offline.v2.arm_refusals import ArmRefusalError, bad_request, not_found
from modelship.testing.offline.v2.batch_documents import shown_job, shown_short_job
from modelship.testing.offline.v2.batch_endpoints import BATCH_ENDPOINTS, DATA_PLANE
from modelship.testing.offline.v2.batch_inputs import BatchInput, output_place
from modelship.testing.offline.v2.batch_plans import DRIVER, SETTINGS, BatchPlan, parts_of
from modelship.testing.offline.v2.batch_settings import OVERRIDES, batch_settings
from modelship.testing.offline.v2.datastore_paths import datastore_uri

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.runs.experiments import Experiments
    from modelship.testing.offline.runs.jobs import Jobs
    from modelship.testing.offline.runs.run_records import Records
    from modelship.testing.offline.v2.batch_deployments import BatchDeployments
    from modelship.testing.offline.v2.batch_endpoints import BatchEndpoints
    from modelship.testing.offline.v2.datastore_paths import BlobPath

__all__ = ["BatchJobs"]

_JOBS: Final = f"{WS}/jobs"
_ONE: Final = f"{_JOBS}/<name>"
_OF_ENDPOINT: Final = f"{DATA_PLANE}{BATCH_ENDPOINTS}/<endpoint>/jobs"
_OF_DEPLOYMENT: Final = f"{DATA_PLANE}{BATCH_ENDPOINTS}/<endpoint>/deployments/<deployment>/jobs"
_OUTPUT: Final = "score"
_DATA: Final = f"/data/v1.0{WS}/dataversion/batchGetResolvedUris"
_LOG: Final = "logs/azureml/executionlogs.txt"  # the one that the SDK streams for such a job
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
_SHAPE: Final = {
    "properties": {
        "inputData": optional(dict),
        "outputData": optional(dict),
        "name": optional(str),
        "properties": optional(dict),
    }
}
_NO_DEFAULT: Final = (
    "The endpoint '{endpoint}' has no default deployment: set defaults.deployment_name, or name "
    "the deployment in the request."
)


class BatchJobs(Part):
    """The jobs of the batch endpoints of a workspace.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    endpoints : BatchEndpoints
        Has the endpoints.
    deployments : BatchDeployments
        Has their deployments.
    container_of : Callable
        Returns the container of a datastore, by name.
    runs : tuple
        The experiments, the records of runs, and what runs scripts.
    """

    def __init__(
        self,
        context: Context,
        endpoints: BatchEndpoints,
        deployments: BatchDeployments,
        *,
        container_of: Callable[[str], str],
        runs: tuple[Experiments, Records, Jobs],
    ) -> None:
        super().__init__(context)
        self._documents = context.store.documents("batch-jobs")
        self._endpoints = endpoints
        self._deployments = deployments
        self._container_of = container_of
        self._experiments, self._records, self._jobs = runs

    # --- the data plane -------------------------------------------------------------------

    @answers("batch-jobs.start", "POST", _OF_ENDPOINT, shape=_SHAPE, refusal=ArmRefusalError)
    def _start(self, request: Request, endpoint: str, body: dict[str, Any]) -> Response:
        wanted = body["properties"]
        deployment = self._deployment(request, endpoint)
        plan = self._plan(deployment, wanted)
        job = {
            "name": self._new_name(wanted.get("name")),
            "endpoint": endpoint,
            "deployment": deployment["name"],
            "child": str(uuid.uuid4()),
            "compute": deployment["properties"]["compute"],
        }
        uri, place = self._output(job["name"], wanted)
        self._record(job, (wanted.get("properties") or {}).get("experimentName") or endpoint)
        self._note_output(job, uri)
        self._documents.put(job["name"], job)
        self._run(job, plan, deployment, place)
        return json_response(self._short(job), status=201)

    @answers("batch-jobs.list", "GET", _OF_ENDPOINT, refusal=ArmRefusalError)
    def _list_of_endpoint(self, endpoint: str) -> dict[str, Any]:
        self._endpoints.require(endpoint)
        jobs = [each for each in self._documents.all() if each["endpoint"] == endpoint]
        return {"value": [self._short(each) for each in reversed(jobs)]}

    @answers("batch-jobs.list-of-one", "GET", _OF_DEPLOYMENT, refusal=ArmRefusalError)
    def _list_of_deployment(self, endpoint: str, deployment: str) -> dict[str, Any]:
        jobs = [each for each in self._documents.all() if each["endpoint"] == endpoint]
        found = [each for each in reversed(jobs) if each["deployment"] == deployment]
        return {"value": [self._short(each) for each in found]}

    # --- the resource manager -------------------------------------------------------------

    @answers("jobs.get", "GET", _ONE, refusal=ArmRefusalError)
    def _get(self, name: str) -> dict[str, Any]:
        if any(each["child"] == name for each in self._documents.all()):
            # A child has no document here: the SDK then asks the run history.
            return {"id": f"{self._identity.path}/jobs/{name}", "name": name, "properties": None}
        return self._shown(self._require(name))

    @answers("jobs.list", "GET", _JOBS, refusal=ArmRefusalError)
    def _list(self) -> dict[str, Any]:
        return {"value": [self._shown(each) for each in reversed(self._documents.all())]}

    @answers("jobs.cancel", "POST", f"{_ONE}/cancel", refusal=ArmRefusalError)
    def _cancel(self, request: Request, name: str) -> Response:
        job = self._require(name)
        for run_id in (name, job["child"]):
            self._records.reach(run_id, "CancelRequested")
        self._jobs.cancel(job["child"])
        return accepted(self._endpoints.ended(name), "be", request, self._identity)

    @answers("data.resolve", "POST", _DATA, shape={"values": [str]})
    def _resolve(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return where the outputs of runs are, by the ids that the run history has for them."""
        known = {
            output["assetId"]: {"uri": output["uri"], "type": output["type"]}
            for job in self._documents.all()
            for output in (self._records.find(job["child"]).get("outputs") or {}).values()
        }
        return {"values": {each: known[each] for each in body["values"] if each in known}}

    # --- a new job ------------------------------------------------------------------------

    def _deployment(self, request: Request, endpoint: str) -> dict[str, Any]:
        document = self._endpoints.require(endpoint)
        named = request.headers.get("azureml-model-deployment")
        name = named or (document["properties"].get("defaults") or {}).get("deploymentName")
        if not name:
            raise bad_request(_NO_DEFAULT.format(endpoint=endpoint))
        return self._deployments.require(endpoint, name)

    def _plan(self, deployment: dict[str, Any], wanted: dict[str, Any]) -> BatchPlan:
        changed = {name: wanted[name] for name in OVERRIDES if wanted.get(name) is not None}
        settings = batch_settings({**deployment["properties"], **changed})
        parts = parts_of(self._store, deployment["properties"])
        given = BatchInput.of(wanted, self._store)
        return BatchPlan(
            parts, settings, given.files(self._store, self._container_of), given.is_file
        )

    def _output(self, name: str, wanted: dict[str, Any]) -> tuple[str, BlobPath]:
        # Older releases of the SDK look for the output of a job only here.
        usual = f"azureml/{name}/{_OUTPUT}/"
        uri = datastore_uri(self._identity.path, "workspaceblobstore", usual)
        return output_place(wanted, self._container_of, otherwise=uri)

    def _note_output(self, job: dict[str, Any], uri: str) -> None:
        asset = f"azureml://runs/{job['child']}/outputs/{_OUTPUT}"
        output = {"assetId": asset, "type": "uri_folder", "uri": uri}
        for run_id in (job["name"], job["child"]):
            self._records.change(run_id, outputs={_OUTPUT: output})

    def _new_name(self, wanted: str | None) -> str:
        name = wanted or f"batchjob-{uuid.uuid4()}"
        if not _NAME.fullmatch(name):
            raise bad_request(f"'{name}' is not a valid name of a job.")
        return name

    def _record(self, job: dict[str, Any], experiment: str) -> None:
        """Create the runs of a job."""
        where = self._experiments.ensure(experiment)
        common = {
            "target": job["compute"].rpartition("/")[2],
            "properties": {"modelship.script": "yes", "azureml.endpointname": job["endpoint"]},
        }
        # The last tag makes the SDK download to named-outputs/score, as Azure's pages show.
        tags = {
            "azureml.batchrun": "true",
            "azureml.deploymentname": job["deployment"],
            "azureml.jobtype": "azureml.pipelinejob",
        }
        parent = {"runType": "azureml.PipelineRun", "tags": tags}
        try:
            self._records.put(where, job["name"], {**common, **parent}, is_new=True)
        except RefusalError as refusal:  # there is one of this name, or the experiment is gone
            raise bad_request(refusal.message) from None
        named = {"displayName": "batchscoring", "parentRunId": job["name"]}
        self._records.put(where, job["child"], {**common, **named, "runType": "azureml.StepRun"})

    def _run(
        self, job: dict[str, Any], plan: BatchPlan, deployment: dict[str, Any], place: BlobPath
    ) -> None:
        folder = self._store.folder / "runs" / job["child"]
        variables = deployment["properties"].get("environmentVariables") or {}
        cluster = self._store.documents("computes").get(plan.parts.compute) or {"properties": {}}
        self._say(job, f"Submitting the run {job['child']} (batchscoring).")
        self._records.reach(job["name"], "Running")
        self._jobs.start(
            Job(
                run_id=job["child"],
                submission=Submission(
                    script=DRIVER,
                    command="",
                    arguments=(SETTINGS,),
                    target=plan.parts.compute,
                    longest_s=None,
                    environment=plan.parts.environment,
                    variables={k: str(each) for k, each in variables.items()}
                    | plan.variables(folder),
                ),
                folder=folder,
                variables=process_variables(),
                where=f"The cluster {plan.parts.compute} is this machine.",
                lay_out=plan.lay_out,
                collect=partial(self._collect, place),
                on_end=partial(self._end, job),
            ),
            at_once=most_nodes(cluster),
        )

    def _collect(self, place: BlobPath, folder: Path) -> None:
        """Write the output of a job to its datastore."""
        written = folder / _OUTPUT
        for file in sorted(written.rglob("*")):
            if file.is_file() and not file.is_symlink():
                key = f"{place.path}/{file.relative_to(written).as_posix()}"
                target = self._store.blob(key, container=place.container)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)

    def _end(self, job: dict[str, Any]) -> None:
        """Record that a job has ended as its child has."""
        child = self._records.find(job["child"])
        self._say(job, f"The run {job['child']} has ended: {child['status']}.")
        self._records.reach(job["name"], child["status"], error=child["error"])

    def _say(self, job: dict[str, Any], text: str) -> None:
        path = self._store.new_blob(f"{RUN_ORIGIN}/dcid.{job['name']}/{_LOG}")
        with path.open("a", encoding="utf-8") as file:
            file.write(f"[{moment()}] {text}\n")

    def _require(self, name: str) -> dict[str, Any]:
        found = self._documents.get(name)
        if found is None:
            raise not_found("job", name)
        return found

    def _shown(self, job: dict[str, Any]) -> dict[str, Any]:
        api = f"http://127.0.0.1:{self._identity.ports['http']}"
        services = {"Tracking": api, "Studio": f"{api}/runs/{job['name']}"}
        run = self._records.find(job["name"])
        return shown_job(job, run, workspace=self._identity.path, services=services)

    def _short(self, job: dict[str, Any]) -> dict[str, Any]:
        run = self._records.find(job["name"])
        return shown_short_job(job, run, workspace=self._identity.path)
