"""The names and ids of an offline workspace, which persist when its folder is reopened."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import uuid
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from modelship.errors import InvalidNameError, InvalidOptionError
from modelship.workspace.access import Access
from modelship.workspace.private import (
    NotPrivateError,
    check_private_folder,
    read_private,
    write_private,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LOCK", "Identity"]

LOCK = ".lock"
"""The lock file in a workspace's folder of the process that has it open."""

_FILE = "workspace.json"
_ACCESS = "access.json"
_CONFIG = "config.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")
_RULE = "3 to 33 letters, digits, dashes or underscores, beginning with a letter or digit"


@dataclass(frozen=True)
class Identity:
    """The names and ids of one offline workspace.

    Parameters
    ----------
    workspace_name : str
        As in ``config.json``.
    resource_group, subscription_id : str
        The resource group of the workspace.
    workspace_id, tenant_id : str
        UUIDs.
    location : str
        The Azure region to simulate.
    secret : str
        The secret that all keys of the workspace are derived from.
    ports : dict
        The ports that it had when it was last open, by purpose.
    """

    workspace_name: str
    resource_group: str = "offline"
    subscription_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    workspace_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    tenant_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    location: str = "eastus"
    secret: str = field(default_factory=secrets.token_hex, repr=False)
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The id of the workspace in Azure's resource manager."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}/providers/"
            f"Microsoft.MachineLearningServices/workspaces/{self.workspace_name}"
        )

    @property
    def storage_account(self) -> str:
        """The name of its storage account."""
        return f"offline{self.workspace_id[:8]}"

    @property
    def storage_url(self) -> str:
        """The URL of its storage account on Azure's hosts, which its proxy answers for."""
        return f"https://{self.storage_account}.blob.core.windows.net"

    def key_for(self, purpose: str) -> str:
        """Return the key for one purpose, such as ``"tokens"``; it does not reveal the others."""
        return hmac.new(self.secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()

    @classmethod
    def load(cls, folder: Path, *, name: str) -> Identity:
        """Read the identity stored in a folder, or create one with this name in a new folder.

        Raises
        ------
        InvalidNameError
            If the name is not valid for an Azure ML workspace.
        InvalidOptionError
            If the folder contains other things, or other users can read or change its contents.
        """
        try:
            cls(**json.loads((folder / _FILE).read_text(encoding="utf-8")))  # is it one of ours?
            check_private_folder(folder)
            found = cls(**json.loads(read_private(folder / _FILE)))
        except (FileNotFoundError, NotADirectoryError):
            if folder.exists() and not _is_empty(folder):
                raise _not_ours(folder) from None
        except (ValueError, TypeError):
            raise _not_ours(folder) from None
        except NotPrivateError as error:
            raise _not_private(folder, error) from None
        else:
            return found
        if not _NAME.fullmatch(name):
            raise InvalidNameError(name=name, kind="workspace", rule=_RULE)
        return cls(workspace_name=name)

    def save(self, folder: Path) -> None:
        """Write it to the folder, readable only by the owner, because it contains a secret.

        Raises
        ------
        InvalidOptionError
            If other users have access to the folder.
        """
        try:
            if not (folder / _FILE).exists():  # it existed, and was empty
                folder.chmod(0o700)
            check_private_folder(folder)
        except NotPrivateError as error:
            raise _not_private(folder, error) from None
        write_private(folder / _FILE, json.dumps(asdict(self), indent=2))

    def write_access(self, folder: Path, *, endpoint: str, bundle: Path) -> Access:
        """Write the files with which clients of the same user connect to the workspace.

        ``access.json`` contains a key, and ``config.json`` the path of that file.

        Parameters
        ----------
        folder : Path
            The folder of the workspace.
        endpoint : str
            The URL of the workspace.
        bundle : Path
            The certificates to trust.
        """
        access = Access(
            endpoint=endpoint,
            ca_bundle=str(bundle),
            tenant_id=self.tenant_id,
            workspace_id=self.workspace_id,
            key=self.key_for("tokens"),
        )
        access.write(folder / _ACCESS)
        config = {
            "subscription_id": self.subscription_id,
            "resource_group": self.resource_group,
            "workspace_name": self.workspace_name,
            "offline": str(folder / _ACCESS),
        }
        write_private(folder / _CONFIG, json.dumps(config, indent=2))
        return access


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= {LOCK}


def _not_private(folder: Path, error: NotPrivateError) -> InvalidOptionError:
    expected = (
        f"one that no other user has access to, but {error.problem}. {error.remedy.rstrip('.')}"
    )
    return InvalidOptionError("folder", str(folder), expected)


def _not_ours(folder: Path) -> InvalidOptionError:
    return InvalidOptionError(
        option="folder",
        found=str(folder),
        expected="a new or empty folder, or one that an offline workspace created",
    )
