"""Translate an environment with ``inference_config``, whose image has a server of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.custom_images import CUSTOM
from modelship.testing.offline.json_exchange import check_shape, optional
from modelship.testing.offline.v2.arm_ids import V2
from modelship.testing.offline.v2.arm_refusals import bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.testing.offline.compute import Kind

__all__ = ["custom_request", "is_custom"]

# A path with ".." would be another call of the engine.
_IMAGE: Final = re.compile(r"\w(?!.*\.\.)[\w.:/@-]*", re.ASCII)
_ROUTE: Final = {"path": str, "port": int}
_SHAPE: Final = {
    "image": str,
    "condaFile": optional(str),
    "inferenceConfig": {
        "livenessRoute": _ROUTE,
        "readinessRoute": _ROUTE,
        "scoringRoute": _ROUTE,
    },
}
_ON_PROCESSES: Final = (
    "The environment {name} has an image with a server of its own (inference_config), which needs "
    'a Docker engine. Open the offline workspace with compute="docker" (modelship azureml-offline '
    "--compute docker), or deploy a scoring script with an environment that has a conda file."
)
_WITH_CODE: Final = (
    "The environment {name} has an inference_config, and the deployment a code_configuration. "
    "Remove code_configuration: the image starts its own server."
)
_PORTS: Final = (
    "The routes in the inference_config of the environment {name} have different ports ({ports}). "
    "An offline workspace publishes one port of a container: use the same one."
)


def is_custom(environment: Mapping[str, Any]) -> bool:
    """Return whether the image of an environment has a server of its own."""
    return bool(environment[V2].get("inferenceConfig"))


def custom_request(
    environment: Mapping[str, Any], *, compute: Kind, has_code: bool
) -> dict[str, Any]:
    """Return what runs from such an environment, as an image request without the model.

    Raises
    ------
    ArmRefusalError
        If it cannot run here.
    """
    properties = environment[V2]
    name = f"{environment['name']}:{environment['version']}"
    check_shape(properties, _SHAPE)
    if has_code:
        raise bad_request(_WITH_CODE.format(name=name))
    if compute != "docker":
        raise bad_request(_ON_PROCESSES.format(name=name))
    if not _IMAGE.fullmatch(properties["image"]):
        raise bad_request(f"The environment {name} has an image that is not the name of one.")
    routes = properties["inferenceConfig"]
    ports = {each["port"] for each in routes.values() if each}
    if len(ports) > 1:
        listed = ", ".join(map(str, sorted(ports)))
        raise bad_request(_PORTS.format(name=name, ports=listed))
    probes = {_absolute(routes[each]["path"]) for each in ("livenessRoute", "readinessRoute")}
    return {
        "driverProgram": "",
        "assets": [],
        "environment": environment["environment"],
        CUSTOM: {
            "image": properties["image"],
            "port": ports.pop(),
            "probes": sorted(probes),
            "scoring": _absolute(routes["scoringRoute"]["path"]),
        },
    }


def _absolute(path: str) -> str:
    return f"/{path.lstrip('/')}"
