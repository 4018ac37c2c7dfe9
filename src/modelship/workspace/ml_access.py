"""Find the services of a workspace, and the credentials for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import requests

from modelship.errors import WorkspaceUnreachableError
from modelship.workspace import _ml_client
from modelship.workspace.clouds import Cloud

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.workspace.location import WorkspaceLocation

__all__ = ["access_to", "session_to"]

_TOKEN_LIFETIME_S: Final = 3600


def access_to(
    location: WorkspaceLocation, credential: object
) -> tuple[Cloud, Callable[[str], str]]:
    """Return where the services of a workspace are, and what gets tokens for them.

    Parameters
    ----------
    location : WorkspaceLocation
        The workspace.
    credential : object
        An object with ``get_token``; None for what azure-identity finds.

    Raises
    ------
    WorkspaceUnreachableError
        If it is an offline workspace that is not open.
    InvalidOptionError
        If the variable for the cloud names an unknown one.
    MissingExtraError
        If azure-identity is not installed.
    """
    offline = location.offline
    if offline is None:
        token = _ml_client.adopt(credential) if credential else _ml_client.default_token()
        return Cloud.current(), token
    if not offline.is_open():
        cause = f"nothing listens at {offline.endpoint}"
        raise WorkspaceUnreachableError(location.workspace_name, "open it", cause, offline.remedy)
    return Cloud.offline(offline), lambda _: offline.token(lifetime_s=_TOKEN_LIFETIME_S)


def session_to(location: WorkspaceLocation) -> requests.Session:
    """Return the connections to a workspace and its storage."""
    session = requests.Session()
    if location.offline is not None:
        # Neither a proxy nor certificates of the environment: it is on this machine.
        session.trust_env = False
        session.verify = location.offline.ca_bundle
    return session
