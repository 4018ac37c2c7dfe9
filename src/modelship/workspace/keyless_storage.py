"""Use storage with the caller's token where it does not permit its key.

A storage account that disallows shared keys also refuses each signature that was made with its key.
So a workspace whose datastores still use the key can be read and written with a token only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from modelship.workspace.arm_requests import ArmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.workspace.blob_storage import BlobContainer

__all__ = ["STORAGE_SCOPE", "with_key_or_token"]

STORAGE_SCOPE: Final = "https://storage.azure.com/.default"
"""The scope of tokens for storage."""

_KEYS_REFUSED: Final = "KeyBasedAuthenticationNotPermitted"
_Result = TypeVar("_Result")


def with_key_or_token(
    container: BlobContainer,
    work: Callable[[BlobContainer], _Result],
    *,
    token: Callable[[str], str],
) -> _Result:
    """Do something with a container; do it again with a token if storage refuses the signature.

    Parameters
    ----------
    container : BlobContainer
        The container.
    work : Callable
        What to do; it can be done twice.
    token : Callable[[str], str]
        Returns a token for a scope.

    Raises
    ------
    ArmError
        If storage refuses that too.
    """
    try:
        return work(container)
    except ArmError as error:
        if error.code != _KEYS_REFUSED or container.token:
            raise
    return work(replace(container, signature="", token=token(STORAGE_SCOPE)))
