"""The execution service: it accepts scripts from the SDK, and runs them on this machine."""

from __future__ import annotations

import io
import json
import logging
import re
import shlex
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from werkzeug.wrappers import Response

from modelship.process_variables import process_variables
from modelship.testing.offline.computes import most_nodes
from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import RefusalError, check_shape, optional
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.request_guard import Door
from modelship.testing.offline.runs.jobs import Job
from modelship.testing.offline.runs.submissions import Submission

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.runs.experiments import Experiments
    from modelship.testing.offline.runs.jobs import Jobs
    from modelship.testing.offline.runs.run_records import Records
    from modelship.testing.offline.runs.snapshots import Snapshots

__all__ = ["Executions"]

_log = logging.getLogger(__name__)

_EXECUTION: Final = f"/execution/v1.0{WS}/experiments/<experiment>"
_ONE: Final = f"{_EXECUTION}/runs/<run_id>"
_RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_RUN_TYPE: Final = "azureml.scriptrun"
_STARTED: Final = {"folder": str, "variables": dict}
_DEFINITION: Final = {
    "Configuration": dict,
    "SnapshotId": optional(str),
    "ParentRunId": optional(str),
}

# The SDK unpacks it next to the project and starts it, for a run on the target "local". It calls
# the workspace, which is on the same machine, stops the script when the run is canceled, and does
# not leave it running.
_SETUP: Final = "azureml-setup"
_BEGIN: Final = """\
import http.client, json, os, sys

port, path = sys.argv[1:]
found = json.dumps({"folder": os.getcwd(), "variables": dict(os.environ)})
connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
connection.request("PUT", path, found, {"Content-Type": "application/json"})
answer = connection.getresponse()
if answer.status >= 300:
    sys.exit(answer.read().decode("utf-8", "replace"))
"""


class Executions(Part):
    """Accepts scripts, and runs them.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    experiments : Experiments
        The experiments that runs belong to.
    records : Records
        The runs.
    snapshots : Snapshots
        Store the source files.
    jobs : Jobs
        Run the scripts.
    """

    def __init__(
        self,
        context: Context,
        *,
        experiments: Experiments,
        records: Records,
        snapshots: Snapshots,
        jobs: Jobs,
    ) -> None:
        super().__init__(context)
        self._experiments = experiments
        self._records = records
        self._snapshots = snapshots
        self._jobs = jobs

    @answers("executions.start", "POST", f"{_EXECUTION}/snapshotrun", shape=_DEFINITION)
    def _start(self, request: Request, body: dict[str, Any], experiment: str) -> dict[str, Any]:
        """Run a script on a compute target, from the SDK's snapshot."""
        submission = Submission.of(body["Configuration"])
        message = f"There is no compute target {submission.target} in this workspace."
        computes = self._store.documents("computes")
        cluster = computes.require(submission.target, "ComputeNotFound", message)
        if cluster["properties"]["computeType"] != "AmlCompute":
            message = (
                f"{submission.target} is not an AmlCompute: submit the run to one, or to 'local'."
            )
            raise RefusalError(400, "NotInOfflineWorkspace", message)
        run = self._record(request, experiment, body, submission)
        snapshot = str(body.get("SnapshotId") or "")
        where = f"The cluster {submission.target} is this machine: nothing is started in Azure."
        job = Job(
            run_id=run["runId"],
            submission=submission,
            folder=self._store.folder / "runs" / run["runId"],
            variables=process_variables(),
            where=where,
            lay_out=lambda folder: self._snapshots.lay_out(snapshot, folder),
        )
        _log.info("%s: %s", run["runId"], where)
        self._jobs.start(job, at_once=most_nodes(cluster))
        return {"runId": run["runId"]}

    @answers("executions.local", "POST", f"{_EXECUTION}/localrun")
    def _prepare_local(self, request: Request, experiment: str) -> Response:
        """Answer with the archive that the SDK starts on its machine, which is this one."""
        definition = _definition_of(request)
        submission = Submission.of(definition["Configuration"])
        run = self._record(request, experiment, definition, submission)
        place = request.path.removesuffix("/localrun") + f"/runs/{run['runId']}/begin"
        address = f"{place}?{self._context.guard.signed(place, permissions='w')}"
        archive = _handover(address, port=self._identity.ports["http"])
        return Response(archive, mimetype="application/zip")

    @answers("executions.begin", "PUT", f"{_ONE}/begin", door=Door.ADDRESS, shape=_STARTED)
    def _begin(self, body: dict[str, Any], run_id: str) -> None:
        """Run a script in the folder, and with the variables, of the process that started it."""
        run = self._records.find(run_id)
        job = Job(
            run_id=run_id,
            submission=Submission.of(run["runDefinition"]),
            folder=Path(body["folder"]),
            variables={str(name): str(value) for name, value in body["variables"].items()},
            where="The target 'local' is this machine.",
            lay_out=lambda _folder: None,
        )
        if not self._records.begin(run_id):
            message = f"The run {run_id} has begun already, or was canceled."
            raise RefusalError(409, "RunHasBegun", message)
        self._jobs.start(job)

    def _record(
        self,
        request: Request,
        experiment: str,
        definition: dict[str, Any],
        submission: Submission,
    ) -> dict[str, Any]:
        """Create the record of a run, under the id that the SDK has chosen for it."""
        run_id = request.args.get("runId", "")
        if not _RUN_ID.fullmatch(run_id):
            raise RefusalError(400, "InvalidRunId", f"{run_id!r} is not a valid id of a new run")
        base = request.url.split("?")[0].rpartition("/")[0]
        given = {
            "parentRunId": definition.get("ParentRunId"),
            "runType": _RUN_TYPE,
            "target": submission.target,
            "scriptName": submission.script,
            "runDefinition": definition["Configuration"],
            "cancelUri": f"{base}/runs/{run_id}/cancel",
            "properties": {"modelship.script": "yes"},
        }
        where = self._experiments.named(experiment)
        return self._records.put(where, run_id, given, is_new=True)

    @answers("executions.cancel", "POST", f"{_ONE}/cancel")
    def _cancel(self, run_id: str) -> None:
        self._records.reach(run_id, "CancelRequested")
        self._jobs.cancel(run_id)


def _handover(address: str, *, port: int) -> bytes:
    """Return the archive that begins a local run, with an address that is valid only for that."""
    command = [sys.executable, "-I", f"{_SETUP}/begin.py", str(port), address]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"{_SETUP}/Invocation.sh", f"#!/bin/sh\nexec {shlex.join(command)}\n")
        archive.writestr(f"{_SETUP}/begin.py", _BEGIN)
    return content.getvalue()


def _definition_of(request: Request) -> dict[str, Any]:
    """Return the run definition among the files of a form."""
    files = {file.filename: file for file in request.files.getlist("files")}
    if "definition.json" not in files:
        raise RefusalError(400, "BadArgument", "definition.json is missing")
    try:
        found: dict[str, Any] = json.loads(files["definition.json"].read())
    except (ValueError, RecursionError):
        raise RefusalError(400, "BadArgument", "definition.json is not JSON") from None
    check_shape(found, _DEFINITION)
    return found
