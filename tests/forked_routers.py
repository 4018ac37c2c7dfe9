"""Routers that are forks of one process: a new Python takes half a second for their imports."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import modelship.routing.router
from forked_programs import ForkServer

_IMPORTED = ("aiohttp.web", "modelship.routing.forwarding", "modelship.routing.request_copies")


@contextmanager
def forking_routers():
    """Let routers be forks while the body runs."""
    server = ForkServer(Path(sys.executable), _IMPORTED, os.environ)

    def start(module, *arguments, log, passed):
        place = {"folder": Path.cwd(), "variables": os.environ}
        return server.start(module, arguments, **place, output=log, passed=passed)

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(modelship.routing.router, "start_child", start)
            yield
    finally:
        server.end()
