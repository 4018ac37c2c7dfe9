"""The faults of online endpoints by name, each as Azure reports it.

One is not Azure's: an azure-ai-ml that cannot be imported, before it sends a request.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from modelship.errors import InvalidOptionError
from modelship.testing.offline.faults import (
    KEYS_REFUSED,
    KEYS_REFUSED_MESSAGE,
    AnyFault,
    ClientFault,
    Fault,
    FrontFault,
    StageFault,
)
from modelship.testing.offline.v2.managed_failures import quota_details, quota_message

__all__ = ["NAMED_FAULTS", "named_fault"]

_CREATE: Final = "online-deployments.create"
_QUOTA: Final = quota_message(size="Standard_DS3_v2", limit=6, usage=0, needed=8)
# Azure's resource manager describes the workspace itself to everyone; what is in it, the workspace
# answers. The storage account and the registry have networks of their own.
_DATA_PLANE: Final = (
    "v2-* online-* batch-* services.* models.* assets.* artifacts.* environments.* datastores.* "
    "datasets.* data.* experiments.* executions.* runs.* jobs.* metrics.* metadata.* snapshots.* "
    "profiles.* packages.* secrets.* deployments.* operations.*"
)
_NO_LINK: Final = (
    "The request is forbidden: none of the workspaces/registries are accessible from outside of "
    "the designated private link."
)

NAMED_FAULTS: Final[dict[str, AnyFault]] = {
    "ResourceNotReady": StageFault("crash"),
    "OutOfQuota": Fault(
        _CREATE,
        status=400,
        code="BadRequest",
        message=_QUOTA,
        details=tuple(quota_details(_QUOTA)),
    ),
    "ImageBuildFailure": StageFault("build"),
    "ImagePullFailed": StageFault(
        "reported",
        code="BadArgument",
        message="Endpoint identity does not have pull permission on the registry.",
    ),
    "DownloadFailed": StageFault(
        "reported",
        code="ResourceNotReady",
        message="Unable to download user model: the storage answered 403 "
        "AuthorizationPermissionMismatch.",
    ),
    "EndpointUpdating": Fault(
        _CREATE,
        status=409,
        code="Conflict",
        message="Cannot create a deployment in endpoint {endpoint} because it is in Updating "
        "provisioning state.",
    ),
    "EndpointAlreadyExists": Fault(
        "online-endpoints.create",
        status=409,
        code="EndpointAlreadyExists",
        message="There is already an endpoint with this name: {endpoint}.",
    ),
    "RequestTimeout": FrontFault(408),
    "ModelError": FrontFault(424),
    "TooManyRequests": FrontFault(429),
    "NoValidDeployments": FrontFault(404),
    KEYS_REFUSED: Fault(
        "blobs.* containers.*",
        status=403,
        code=KEYS_REFUSED,
        message=KEYS_REFUSED_MESSAGE,
        signed_only=True,
    ),
    "PrivateLinkOnly": Fault(_DATA_PLANE, status=403, code="Forbidden", message=_NO_LINK),
    "WorkspaceManagedNetworkNotReady": StageFault(
        "reported",
        code="WorkspaceManagedNetworkNotReady",
        message="The managed network of the workspace is not provisioned.",
    ),
    "SecretsInjectionError": StageFault(
        "reported",
        code="SecretsInjectionError",
        message="A secret that the environment variables refer to could not be read.",
    ),
    "InternalServerError": StageFault(
        "reported", code="InternalServerError", message="Received 500 from a service request."
    ),
    "MarshmallowImportError": ClientFault("marshmallow"),
}
"""The faults by name. Where Azure has a code for it, the name is that code."""


def named_fault(name: str, *, times: int | None = 1) -> AnyFault:
    """Return a new fault with this name.

    Parameters
    ----------
    name : str
        A key of :data:`NAMED_FAULTS`.
    times : int, optional
        How often it applies; each time if None.

    Raises
    ------
    InvalidOptionError
        If there is none with this name.
    """
    if name not in NAMED_FAULTS:
        raise InvalidOptionError("fault", name, f"one of {', '.join(sorted(NAMED_FAULTS))}")
    return replace(NAMED_FAULTS[name], times=times)
