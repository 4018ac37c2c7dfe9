"""An Azure ML workspace on this machine that runs the services deployed to it.

The names below are resolved on first use: only an open workspace needs the extra ``offline``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.on_first_use import names_from

if TYPE_CHECKING:
    from modelship.testing.offline.faults import Fault, FrontFault, StageFault
    from modelship.testing.offline.offline_workspace import OfflineWorkspace
    from modelship.testing.offline.v2.named_faults import named_fault

__all__ = ["Fault", "FrontFault", "OfflineWorkspace", "StageFault", "named_fault"]

__getattr__, __dir__ = names_from(
    __name__,
    {
        "faults": ["Fault", "FrontFault", "StageFault"],
        "offline_workspace": ["OfflineWorkspace"],
        "v2.named_faults": ["named_fault"],
    },
)
