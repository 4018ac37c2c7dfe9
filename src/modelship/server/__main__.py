"""``python -m modelship_server``: the command line of Azure ML's inference server."""

from __future__ import annotations

import sys

from .command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
