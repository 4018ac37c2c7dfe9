"""The sizes of machines in the region of the workspace, for SDK v2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.targets.online_endpoint.instance_types import INSTANCE_TYPES
from modelship.testing.offline.absences import refusal_of
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.resource_scope import check_scope

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from modelship.targets.online_endpoint.instance_types import InstanceType

__all__ = ["MachineSizes"]

_PATH: Final = (
    "/subscriptions/<subscription>/providers/Microsoft.MachineLearningServices/locations/"
    "<location>/vmSizes"
)
# SDK v1 asks before it creates a compute instance, of which there are none.
_OF_SDK_V1: Final = "2022"


class MachineSizes(Part):
    """Lists the sizes for managed online endpoints; Azure lists many more."""

    @answers("sizes.list", "GET", _PATH)
    def _list(self, request: Request, subscription: str) -> dict[str, Any]:
        check_scope(self._identity, subscription)
        if request.args.get("api-version", "") < _OF_SDK_V1:
            raise refusal_of(request.method, request.path, host=request.host, status=404)
        return {"value": [_shown(each) for each in INSTANCE_TYPES.values()]}


def _shown(size: InstanceType) -> dict[str, Any]:
    return {
        "name": size.name,
        "family": size.family,
        "vCPUs": size.cpu_cores,
        "gpus": round(size.gpus),
        "memoryGB": size.memory_gb,
        "osVhdSizeMB": 0,
        "maxResourceVolumeMB": 0,
        "lowPriorityCapable": False,
        "premiumIO": True,
        "supportedComputeTypes": ["AmlCompute"],
    }
