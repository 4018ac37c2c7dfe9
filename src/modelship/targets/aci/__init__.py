"""The target ``aci``: services on Azure Container Instances, through an Azure ML workspace."""

from modelship.targets.aci.backend import AciBackend

__all__ = ["AciBackend"]
