"""Read the tables of this package: what log lines, exceptions and values mean."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["table"]


@cache
def table(name: str) -> Any:
    """Return the content of ``<name>.yaml`` in this folder; it is shared, and not changed."""
    import yaml  # needed only to explain a failure, and for no other command

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = Path(__file__).with_name(f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, loader)  # noqa: S506 - both are safe
