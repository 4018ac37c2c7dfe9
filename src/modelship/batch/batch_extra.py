"""Name the extra that batch jobs need, before a module of it is imported."""

from __future__ import annotations

import importlib

from modelship.evaluation.extras import needs_extra

__all__ = ["require_batch_extra"]


def require_batch_extra() -> None:
    """Import what reads and writes rows.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    with needs_extra("batch", purpose="A batch job"):
        importlib.import_module("numpy")
        importlib.import_module("pyarrow")
