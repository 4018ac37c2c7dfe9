"""An Azure ML workspace: which one is meant, and what is asked of it, in our words and errors.

Both the source ``azureml:`` and the target ``aci`` stand on it. Only :mod:`._sdk` imports
``azureml-core``, on the first question to a workspace.
"""

from modelship.workspace._translation import cause_of
from modelship.workspace.location import WorkspaceLocation
from modelship.workspace.records import Image, Operation, RegisteredModel, Service
from modelship.workspace.workspace import Workspace

__all__ = [
    "Image",
    "Operation",
    "RegisteredModel",
    "Service",
    "Workspace",
    "WorkspaceLocation",
    "cause_of",
]
