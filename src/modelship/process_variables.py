"""The environment variables of this process, read while other threads change them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["process_variables"]


def process_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return a copy of the environment variables.

    ``dict(os.environ)`` lists the names first and then reads each value, so it raises a KeyError
    when another thread removes a variable meanwhile.
    """
    try:
        return dict(environ)
    except KeyError:  # one that is gone
        return process_variables(environ)
