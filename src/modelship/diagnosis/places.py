"""Which file of a traceback is the user's own, and what the bundle calls it."""

from __future__ import annotations

import re

__all__ = ["library_of", "place_in_bundle"]

# Where the server runs the script: in a container of Azure or ours, and in a service of the target
# ``process``. Azure ML put a folder with a random name below the first of them for a while.
_ROOTS = re.compile(
    r"^(?:.*/)?(?:var|structure)/azureml-app/(?:[0-9a-f]{8}-[0-9a-f-]{27}/)?(?P<place>.+)$"
    r"|^.*/process/[^/]+/app/(?P<app>.+)$"
)
_LIBRARY = re.compile(r"/(?:site|dist)-packages/(?P<name>\w+)")
_NOT_OURS = re.compile(
    r"^<|\.pyx$|/(?:site|dist)-packages/|/lib/python\d|/azureml-server/|importlib/|/pickle\.py$"
    r"|/modelship/(?:testing|targets|bundle)/"
)


def place_in_bundle(path: str) -> str:
    """Return a file's path as the bundle names it; ``""`` if it is of Python or of a library."""
    if _NOT_OURS.search(path):
        return ""
    match = _ROOTS.match(path)
    if match:
        return match["place"] or match["app"]
    return path.rpartition("/")[2]


def library_of(path: str) -> str:
    """Return the import name of the library that a file is of, or ``""``."""
    if path.endswith(".pyx"):
        return path.partition("/")[0]
    match = _LIBRARY.search(path)
    return match["name"] if match else ""
