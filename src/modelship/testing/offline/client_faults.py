"""Faults of the Python environment of clients: packages that hide the installed ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.testing.offline.faults import ClientFault

__all__ = ["fault_variables"]

_FOLDER: Final = "client-faults"
_PATH: Final = "PYTHONPATH"
_MARSHMALLOW: Final = '''\
"""The installed marshmallow, less what release 4 has removed and azure-ai-ml imports."""

import os, sys

here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
before = list(sys.path)
del sys.modules["marshmallow"]
sys.path[:] = [each for each in before if os.path.abspath(each) != here]
try:
    import marshmallow.utils
finally:
    sys.path[:] = before
for each in ("FieldInstanceResolutionError", "from_iso_datetime", "resolve_field_instance"):
    vars(marshmallow.utils).pop(each, None)
'''
_PACKAGES: Final = {"marshmallow": _MARSHMALLOW}


def fault_variables(fault: ClientFault | None, folder: Path) -> dict[str, str]:
    """Return the variables with which a process meets a fault; none without a fault.

    Parameters
    ----------
    fault : ClientFault or None
        The fault.
    folder : Path
        The folder of the workspace, in which the package is written.
    """
    if fault is None:
        return {}
    place = folder / _FOLDER
    package = place / fault.package
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(_PACKAGES[fault.package])
    return {_PATH: os.pathsep.join(filter(None, (str(place), os.environ.get(_PATH))))}
