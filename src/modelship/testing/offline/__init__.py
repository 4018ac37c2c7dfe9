"""An Azure ML workspace on this machine that runs the services deployed to it.

The names below are resolved on first use: only an open workspace needs the extra ``offline``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.on_first_use import names_from

if TYPE_CHECKING:
    from modelship.testing.offline.faults import Fault, StageFault
    from modelship.testing.offline.offline_workspace import OfflineWorkspace

__all__ = ["Fault", "OfflineWorkspace", "StageFault"]

__getattr__, __dir__ = names_from(
    __name__,
    {"faults": ["Fault", "StageFault"], "offline_workspace": ["OfflineWorkspace"]},
)
