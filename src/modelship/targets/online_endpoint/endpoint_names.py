"""Check the names of online endpoints and of their deployments, and name a deployment."""

from __future__ import annotations

import re
from typing import Final

from modelship.errors import InvalidNameError

__all__ = ["DEPLOYMENT_DIGITS", "check_deployment_name", "check_endpoint_name", "deployment_of"]

# "Managed online endpoints: limits", Azure Machine Learning; azure-ai-ml applies the same rule.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]")
_RULE: Final = (
    "3 to 32 letters, digits and dashes, beginning with a letter and not ending with a dash"
)

DEPLOYMENT_DIGITS: Final = 10
"""The number of hexadecimal digits of a release's digest in the name of its deployment."""


def check_endpoint_name(name: object) -> str:
    """Return `name` if Azure ML would accept it as the name of an online endpoint.

    Raises
    ------
    InvalidNameError
        If it would not.
    """
    return _checked(name, kind="endpoint")


def check_deployment_name(name: object) -> str:
    """Return `name` if Azure ML would accept it as the name of an online deployment.

    Raises
    ------
    InvalidNameError
        If it would not.
    """
    return _checked(name, kind="deployment")


def deployment_of(digest: str) -> str:
    """Return the name of the deployment of a release, such as ``"d-0123456789"``.

    The same release has the same deployment, so a second deployment finds the first one.
    """
    return f"d-{digest.rpartition(':')[2][:DEPLOYMENT_DIGITS]}"


def _checked(name: object, *, kind: str) -> str:
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise InvalidNameError(name=name, kind=kind, rule=_RULE)
