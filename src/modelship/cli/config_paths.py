"""Resolve paths in ``modelship.yaml`` against the folder of the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

__all__ = ["MODEL_NAME", "make_absolute"]

MODEL_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def make_absolute(values: dict[str, Any], *, folder: Path, has_source: bool) -> None:
    """Resolve the paths of the file against the file's folder."""
    paths = {"model", "entry_script", "source_directory", "environment", "sample_input", "data"}
    paths.add("schema")
    if has_source:
        paths.discard("entry_script")  # which is relative to that folder
    for key in paths & values.keys():
        value = values[key]
        if key == "model":
            each = [_absolute_model(text, folder=folder) for text in _listed(value)]
            values[key] = each if isinstance(value, list) else each[0]
        elif isinstance(value, str):
            values[key] = _absolute(value, folder=folder)
    for key in {"encode", "decode"} & values.keys():
        place, colon, function = values[key].rpartition(":")
        if place.endswith(".py"):
            values[key] = f"{_absolute(place, folder=folder)}{colon}{function}"
    serving = values.get("serving", {})
    if "capture" in serving:
        serving["capture"] = _absolute(serving["capture"], folder=folder)
    for name, source in serving.get("secrets", {}).items():
        kind, _, place = source.partition(":")
        if kind == "file":
            serving["secrets"][name] = f"file:{_absolute(place, folder=folder.absolute())}"


def _absolute(text: str, *, folder: Path) -> str:
    return str(folder / Path(text).expanduser())


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _absolute_model(text: str, *, folder: Path) -> str:
    if _is_uri(text, folder=folder):
        return text
    name, equals, location = text.partition("=")
    if not equals or (folder / text).exists() or not MODEL_NAME.fullmatch(name):
        return str(folder / Path(text).expanduser())
    return f"{name}={_absolute_model(location, folder=folder)}"


def _is_uri(text: str, *, folder: Path) -> bool:
    return bool(_URI.match(text)) and not (folder / text).exists()
