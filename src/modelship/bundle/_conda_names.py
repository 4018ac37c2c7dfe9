"""Map conda package names to PyPI names.

A conda name that is in none of these tables is not assumed to be a PyPI name: a PyPI package with
that name may be another package, or not be registered yet, and its owner would then run code in the
service.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "CONDA_TO_PYPI",
    "MORE_PARTS",
    "NOT_NEEDED",
    "NOT_NEEDED_BEGINNINGS",
    "PROGRAMS",
    "SAME_NAME",
]

_FOLDER = Path(__file__).parent

_OTHER_NAMES = _FOLDER.joinpath("conda_to_pypi.txt").read_text("utf-8").splitlines()

CONDA_TO_PYPI = {conda: pypi for conda, _, pypi in (each.partition(" ") for each in _OTHER_NAMES)}
"""Conda names whose PyPI name differs."""

MORE_PARTS = frozenset({"opencv-python-headless"})
"""PyPI names whose releases have one more part there: 4.9.0.80 is conda's 4.9.0."""

NOT_NEEDED = frozenset(_FOLDER.joinpath("conda_not_needed.txt").read_text("utf-8").split())
"""Packages that a service never needs from PyPI.

They are conda's own build requirements, parts of wheels, packages for Windows or macOS only, and
packages for graphical interfaces.
"""

NOT_NEEDED_BEGINNINGS = (
    *("aws-c-", "aws-checksums", "aws-crt-cpp", "aws-sdk-cpp", "font-ttf-", "fonts-", "ld-impl-"),
    *("m2w64-", "pyobjc-", "xorg-"),
)
"""The prefixes of families of such packages."""

PROGRAMS = {
    "ffmpeg": ("ffmpeg-python", "moviepy", "pydub"),
    "openjdk": ("h2o", "jpype1", "py4j", "pyspark", "tabula-py"),
    "poppler": ("pdf2image",),
    "r-base": ("rpy2",),
    "tesseract": ("pytesseract", "tesserocr"),
}
"""Programs that no wheel includes, and the packages that are useless without them."""

SAME_NAME = frozenset(_FOLDER.joinpath("conda_same_name.txt").read_text("utf-8").split())
"""Conda packages with the same name on PyPI."""
