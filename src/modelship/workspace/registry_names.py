"""Check the names of Azure ML registries."""

from __future__ import annotations

import re
from typing import Final

from modelship.errors import InvalidNameError

__all__ = ["REGISTRY_NAME", "REGISTRY_RULE", "check_registry_name"]

REGISTRY_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,32}")
"""The names of registries."""

REGISTRY_RULE: Final = (
    "2 to 33 letters, digits, dashes and underscores, beginning with a letter or a digit"
)


def check_registry_name(name: object) -> str:
    """Return `name` if it is a valid name of a registry.

    Raises
    ------
    InvalidNameError
        If it is not.
    """
    if not isinstance(name, str) or not REGISTRY_NAME.fullmatch(name):
        raise InvalidNameError(name=name, kind="registry", rule=REGISTRY_RULE)
    return name
