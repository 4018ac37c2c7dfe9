"""What an offline workspace does not have, in words, and what to do instead.

A call that the workspace does not know is recognized by the service that its path belongs to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelship.testing.offline.json_exchange import RefusalError

__all__ = ["refusal_of"]

_WORKSPACE = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/[^/]+/workspaces/[^/]+"
_SERVICE = re.compile(
    rf"/([a-z]+)/(?:v[\d.]+|api)(?:/private)?(?:{_WORKSPACE})?(/.*|$)", re.IGNORECASE
)
_RESOURCE = re.compile(rf"(?:/rp/workspaces)?{_WORKSPACE}(/.*|$)", re.IGNORECASE)
_PROVIDER = re.compile(r"/providers/([^/]+)", re.IGNORECASE)
_LONGEST_CALL = 200
_IN_AZURE = "run it in a workspace in Azure"
_VERSION_2 = "use azureml-core (SDK v1), which deploys with Model.deploy"


@dataclass(frozen=True)
class _Absence:
    """Something that is not there.

    Parameters
    ----------
    what : str
        What completes "An offline workspace has no".
    instead : str
        What to do, as an imperative.
    """

    what: str
    instead: str

    def sentence(self) -> str:
        return f"An offline workspace has no {self.what}: {self.instead}."


# By the first part of the path.
_SERVICES = {
    "pipelines": _Absence("pipelines", "submit the script of each step as a ScriptRunConfig"),
    "studioservice": _Absence("designer", _IN_AZURE),
    "hyperdrive": _Absence(
        "hyperparameter sweeps", "submit one ScriptRunConfig for each set of parameters"
    ),
    "jasmine": _Absence("AutoML", "train in a script of your own, or in a workspace in Azure"),
    "mlflow": _Absence(
        "MLflow tracking", "log with azureml.core.Run, or to an MLflow server of your own"
    ),
    "labeling": _Absence("labeling projects", "register the labeled files as a dataset"),
    "schedule": _Absence("schedules", "run the script from cron or from CI"),
    "datacache": _Absence("data caches", "read the data from its datastore"),
    "modelregistry": _Absence("model registry of SDK v2", _VERSION_2),
    "genericasset": _Absence("assets of SDK v2", _VERSION_2),
    "registrymanagement": _Absence(
        "registries that workspaces share", "register the model in this workspace"
    ),
    "notebooks": _Absence("notebooks", "run Jupyter on this machine"),
}
# By what follows the path of the workspace in the resource manager.
_RESOURCES = {
    "": _Absence(
        "way to change or delete it as a resource of Azure",
        "end `modelship azureml-offline`, and start it with another folder",
    ),
    "onlineendpoints": _Absence("managed online endpoints", _VERSION_2),
    "batchendpoints": _Absence("batch endpoints", "score the batch with Webservice.run"),
    "serverlessendpoints": _Absence("serverless endpoints", _VERSION_2),
    "jobs": _Absence("jobs of SDK v2", "submit a ScriptRunConfig with azureml-core"),
    "schedules": _Absence("schedules", "run the script from cron or from CI"),
    "components": _Absence("components", "submit a ScriptRunConfig with azureml-core"),
    "linkedservices": _Absence("linked services", "read the data from a datastore"),
    "privateendpoints": _Absence("private endpoints", "leave them out: it is on this machine"),
    "privateendpointconnections": _Absence(
        "private endpoints", "leave them out: it is on this machine"
    ),
    "resynckeys": _Absence("keys to synchronize", "leave the call out"),
    "connections": _Absence("connections", "keep their secrets in the key vault"),
    "diagnose": _Absence("diagnosis", "read what `modelship azureml-offline` prints"),
    "computes": _Absence(
        "compute targets of this kind", "submit the run to AmlCompute or to the target 'local'"
    ),
    **dict.fromkeys(
        ("listnotebookkeys", "preparenotebook", "listnotebookaccesstoken"), _SERVICES["notebooks"]
    ),
    **dict.fromkeys(
        ("codes", "data", "datastores", "models", "environments", "featuresets"),
        _Absence("assets of SDK v2", _VERSION_2),
    ),
}
_NO_SIZES = _Absence(
    "list of machine sizes, and no compute instances", "create AmlCompute, with any vm_size"
)
# By what follows the path of the workspace at the model management service.
_MODEL_MANAGEMENT = {
    "images": _Absence("images of SDK v1 before 1.0.43", "deploy with Model.deploy"),
}
# By the host, which the client believes to be Azure's.
_HOSTS = {
    "graph.microsoft.com": _Absence("directory of people", "leave the call out"),
    "graph.windows.net": _Absence("directory of people", "leave the call out"),
    "ml.azure.com": _Absence("studio", "look at it with azureml-core"),
    ".vault.azure.net": _Absence(
        "key vaults for other libraries", "call Workspace.get_default_keyvault()"
    ),
    **dict.fromkeys(
        (".dfs.core.windows.net", ".file.core.windows.net"),
        _Absence("file systems of Azure", "keep the files in the default datastore"),
    ),
    **dict.fromkeys(
        (".queue.core.windows.net", ".table.core.windows.net"),
        _Absence("queues and tables of Azure", _IN_AZURE),
    ),
}
# The services that it has, of which it does not answer every call.
_NAMES = {
    "artifact": "artifact service",
    "content": "snapshot service",
    "credential": "key vault",
    "data": "dataset service",
    "dataset": "dataset service",
    "datastore": "datastore service",
    "environment": "environment service",
    "execution": "execution service",
    "history": "run history",
    "metric": "metric service",
    "modelmanagement": "model management service",
}


def refusal_of(method: str, path: str, *, host: str, status: int) -> RefusalError:
    """Return the answer to a call that nothing in the workspace answers.

    Where a client is to show it, it is a 400 in place of the `status` of HTTP: of a 404 the SDK
    often makes an error of its own, such as that a model is not registered.
    """
    absence = _absence_at(host) or _absence_of(method, path)
    if absence is None:
        where = path[:_LONGEST_CALL]
        message = f"An offline workspace has no {method} of {where}: it answers azureml-core alone."
        return RefusalError(status, "NotFound", message)
    return RefusalError(400, "NotInOfflineWorkspace", absence.sentence())


def _absence_at(host: str) -> _Absence | None:
    name = host.partition(":")[0].lower()
    return next((each for end, each in _HOSTS.items() if name.endswith(end)), None)


def _absence_of(method: str, path: str) -> _Absence | None:
    if found := _SERVICE.match(path):
        return _of_service(found[1].lower(), f"{method} {found[2] or '/'}")
    if found := _RESOURCE.match(path):
        kind = found[1].strip("/").partition("/")[0].lower()
        return _RESOURCES.get(kind, _Absence(f"{kind!r} among its resources", _IN_AZURE))
    if path.endswith("/vmSizes"):
        return _NO_SIZES
    if path.lower().startswith("/subscriptions/"):
        found = _PROVIDER.search(path)
        whose = found[1][:_LONGEST_CALL] if found else "Azure"
        return _Absence(
            f"resources of {whose} beside itself", f"leave the call out, or {_IN_AZURE}"
        )
    return None


def _of_service(service: str, call: str) -> _Absence:
    kind = call.partition(" ")[2].strip("/").partition("/")[0].lower()
    if service == "modelmanagement" and kind in _MODEL_MANAGEMENT:
        return _MODEL_MANAGEMENT[kind]
    if service in _NAMES:
        what = f"answer to the call {call[:_LONGEST_CALL]} of the {_NAMES[service]}"
        return _Absence(what, f"leave the call out, or {_IN_AZURE}")
    return _SERVICES.get(service, _Absence(f"service {service!r}", _IN_AZURE))
