"""Read and write the YAML files of ``az ml`` for online endpoints and deployments."""

from modelship.targets.online_endpoint.az_yaml.endpoint_files import (
    OnlineDeploymentFile,
    OnlineEndpointFile,
    read_deployment,
    read_endpoint,
)
from modelship.targets.online_endpoint.az_yaml.yaml_writing import write_yaml, yaml_of

__all__ = [
    "OnlineDeploymentFile",
    "OnlineEndpointFile",
    "read_deployment",
    "read_endpoint",
    "write_yaml",
    "yaml_of",
]
