"""The names in the output of a job; those that begin with ``_`` or ``.`` are not data."""

from __future__ import annotations

from typing import Final

__all__ = [
    "DRAFTS",
    "ELEMENTS",
    "FAILED",
    "JOINED",
    "LOCK",
    "MANIFEST",
    "OURS",
    "PLAN",
    "SUCCESS",
    "is_data",
]

OURS: Final = "_modelship"
"""The folder of the plan and the manifest."""
PLAN: Final = f"{OURS}/plan.json"
MANIFEST: Final = f"{OURS}/manifest.jsonl"
JOINED: Final = f"{OURS}/joined.json"
"""What tells cheaply whether the joined file of elements was changed."""
LOCK: Final = f"{OURS}/driver.json"
DRAFTS: Final = f"{OURS}/drafts"
"""The folder of what is not complete yet."""
SUCCESS: Final = "_SUCCESS"
"""The file that says that the job is complete."""
FAILED: Final = "_failed"
"""The folder with the failed rows."""
ELEMENTS: Final = "_elements"
"""The folder with the elements of mini-batches, which are joined to one file at the end."""


def is_data(name: str) -> bool:
    """Return whether readers of folders take a file for data."""
    return not any(each.startswith(("_", ".")) for each in name.split("/"))
