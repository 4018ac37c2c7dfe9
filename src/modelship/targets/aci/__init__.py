"""The target ``aci``: services on Azure Container Instances, through an Azure ML workspace."""

from modelship.targets.aci.aci_backend import AciBackend

__all__ = ["AciBackend"]
