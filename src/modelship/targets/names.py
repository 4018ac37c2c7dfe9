"""Validate service names by Azure ML's rule, on every target."""

from __future__ import annotations

from modelship.bundle.profile import SERVICE_NAME
from modelship.errors import InvalidNameError

__all__ = ["check_service_name"]


def check_service_name(name: object) -> str:
    """Return `name` if Azure ML would accept it as a service name.

    Raises
    ------
    InvalidNameError
        Unless it has 3 to 32 characters out of a-z, 0-9 and "-", begins with a
        letter, and ends with a letter or a digit.
    """
    if isinstance(name, str) and SERVICE_NAME.fullmatch(name):
        return name
    raise InvalidNameError(
        name=name,
        kind="service",
        rule="3 to 32 lower-case letters, digits and dashes, beginning with a letter "
        "and not ending with a dash",
    )
