"""Access an Azure ML workspace through modelship's own interface and errors.

It maintains the connection and the models; the source ``azureml:`` and the target ``aci`` are built
on it. Its :mod:`._sdk` imports ``azureml-core``, on the first call to a workspace.
"""

from modelship.workspace._sdk_errors import cause_of
from modelship.workspace.location import WorkspaceLocation
from modelship.workspace.model_record import RegisteredModel
from modelship.workspace.workspace import CALL_TIMEOUT_S, Workspace

__all__ = ["CALL_TIMEOUT_S", "RegisteredModel", "Workspace", "WorkspaceLocation", "cause_of"]
