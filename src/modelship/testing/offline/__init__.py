"""An Azure ML workspace on this machine that runs the services deployed to it.

The names below are resolved on first use: only an open workspace needs the extra ``offline``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelship.testing.offline.faults import Fault, StageFault
    from modelship.testing.offline.offline_workspace import OfflineWorkspace

__all__ = ["Fault", "OfflineWorkspace", "StageFault"]

_HOME = {"Fault": "faults", "OfflineWorkspace": "offline_workspace", "StageFault": "faults"}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(f"modelship.testing.offline.{_HOME[name]}"), name)
    raise AttributeError(f"module 'modelship.testing.offline' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
