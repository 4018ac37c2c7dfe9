"""``python -m modelship_server``: the command line of Azure ML's inference server."""

from __future__ import annotations

import sys

from .settings import Settings
from .supervisor import supervise

if __name__ == "__main__":
    sys.exit(supervise(Settings.read(sys.argv[1:])))
