"""Test deployments: an in-memory target, an offline workspace, two contract suites.

The names below are resolved on first use: only :class:`TargetContract` and :class:`SourceContract`
need pytest, and the ``memory`` target has to work without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelship.testing.bundles import offline_bundle, script_bundle, with_lock
    from modelship.testing.contract import TargetContract
    from modelship.testing.memory import MemoryBackend
    from modelship.testing.offline import (
        Fault,
        FrontFault,
        OfflineWorkspace,
        StageFault,
        named_fault,
    )
    from modelship.testing.source_contract import SourceContract

__all__ = [
    "Fault",
    "FrontFault",
    "MemoryBackend",
    "OfflineWorkspace",
    "SourceContract",
    "StageFault",
    "TargetContract",
    "named_fault",
    "offline_bundle",
    "script_bundle",
    "with_lock",
]

_HOME = {
    "Fault": "offline.faults",
    "FrontFault": "offline.faults",
    "MemoryBackend": "memory",
    "OfflineWorkspace": "offline.offline_workspace",
    "SourceContract": "source_contract",
    "StageFault": "offline.faults",
    "TargetContract": "contract",
    "named_fault": "offline.v2.named_faults",
    "offline_bundle": "bundles",
    "script_bundle": "bundles",
    "with_lock": "bundles",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(f"modelship.testing.{_HOME[name]}"), name)
    raise AttributeError(f"module 'modelship.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
