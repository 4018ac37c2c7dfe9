"""Installing a lock: into a virtual environment, or into a folder for an image."""

from __future__ import annotations

import re
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from modelship.bundle._uv import run_uv
from modelship.bundle._uv_explained import explain
from modelship.bundle.lock import wheels_only
from modelship.errors import EnvironmentBuildError, InvalidOptionError, PythonNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.bundle._uv import Outcome
    from modelship.bundle.lock import Lock

__all__ = ["create_environment", "find_python", "install_packages"]

_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}

_FIND_TIMEOUT_S = 120
