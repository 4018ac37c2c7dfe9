"""Generate ``/swagger.json`` in the versions 2, 3 and 3.1.

A file of the user's in the bundle is sent unchanged, and one that modelship wrote under the name of
the service. Otherwise the inference-schema declarations of run() are inserted into a template:
Azure ML's own, if its server is installed too, or else ours.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .logs import logger

if TYPE_CHECKING:
    from .entry_script import EntryScript
    from .settings import Settings

__all__ = ["Descriptions", "UnsupportedVersionError"]

_ALIASES = {"2": "2", "2.0": "2", "3": "3", "3.0": "3", "3.1": "3.1"}
_FILES = {
    "2": ("swagger.json", "swagger2.json"),
    "3": ("swagger3.json",),
    "3.1": ("swagger3.1.json",),
}
_WRITTEN = "x-modelship-schema"  # a field in descriptions that modelship wrote
_ANYTHING: dict[str, Any] = {"type": "object", "example": {}}


class UnsupportedVersionError(Exception):
    """There is no description in this version; the message lists those available."""


class Descriptions:
    """The OpenAPI descriptions of a service.

    Parameters
    ----------
    script : EntryScript
        The script whose run() is described.
    settings : Settings
        The service's name, version and path.
    """

    def __init__(self, script: EntryScript, settings: Settings) -> None:
        made = {version: _describe(version, script, settings) for version in _FILES}
        self._made = {version: each for version, each in made.items() if each is not None}
        if self._made:
            names = ", ".join(sorted(self._made))
            logger.info("Swaggers are prepared for the following versions: [%s].", names)

    def of(self, version: str) -> dict[str, Any]:
        """Return the description in this version.

        Raises
        ------
        UnsupportedVersionError
            If this version does not exist, or cannot describe run().
        """
        names = ", ".join(sorted(self._made))
        if version not in _ALIASES:
            problem = f"Swagger version [{version}] is not valid. Supported versions: [{names}]."
            raise UnsupportedVersionError(problem)
        found = self._made.get(_ALIASES[version])
        if found is None:
            raise UnsupportedVersionError(
                f"Swagger version [{version}] is not supported for the scoring script. "
                f"Supported swagger versions: [{names}]."
            )
        return found


def _describe(version: str, script: EntryScript, settings: Settings) -> dict[str, Any] | None:
    for name in _FILES[version]:
        file = settings.app_root / name
        if file.is_file():
            logger.info("Loaded user's swagger file for version [%s] from %s", version, file)
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            if found:
                return _titled(found, settings) if _WRITTEN in found else found
    schemas = _schemas(version, script)
    if schemas is None:
        return None
    frame = _frame(version, settings)
    place = frame["definitions"] if version == "2" else frame["components"]["schemas"]
    place["ServiceInput"], place["ServiceOutput"] = schemas
    if version == "3.1":
        frame["openapi"] = "3.1.0"
    return _titled(frame, settings)


def _titled(document: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Set the name of the service in `document`, if it has one, and note its model."""
    if not settings.service:
        return document
    info = document["info"]
    model = {"name": info["title"], "version": info["version"]}
    return {**document, "info": {**info, "title": settings.service}, "x-modelship-model": model}


def _schemas(version: str, script: EntryScript) -> tuple[Any, Any] | None:
    """Return the input and output schemas; None if this version cannot express them."""
    if "inference_schema" not in sys.modules:
        return _ANYTHING, _ANYTHING
    from inference_schema import schema_util

    aliases = {alias for alias, of in _ALIASES.items() if of == version}
    if not aliases & set(schema_util.get_supported_versions(script.run)):
        return None
    if not schema_util.is_schema_decorated(script.run):
        return _ANYTHING, _ANYTHING
    return schema_util.get_input_schema(script.run), schema_util.get_output_schema(script.run)


def _frame(version: str, settings: Settings) -> dict[str, Any]:
    prefix = f"/{settings.path_prefix.strip('/')}" if settings.path_prefix else ""
    text = _reference_frame("2" if version == "2" else "3")
    if text is None:
        return (_frame_2 if version == "2" else _frame_3)(settings, prefix)
    frame: dict[str, Any] = json.loads(
        text.replace("$SERVICE_NAME$", settings.service_name)
        .replace("$SERVICE_VERSION$", settings.service_version)
        .replace("$PATH_PREFIX$", prefix)
    )
    return frame


def _reference_frame(version: str) -> str | None:
    spec = importlib.util.find_spec("azureml_inference_server_http")
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / "server" / f"swagger{version}_template.json"
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _frame_2(settings: Settings, prefix: str) -> dict[str, Any]:
    body = {"name": "input", "in": "body", "schema": {"$ref": "#/definitions/ServiceInput"}}
    answer = {
        "description": "The answer of run().",
        "schema": {"$ref": "#/definitions/ServiceOutput"},
    }
    return {
        "swagger": "2.0",
        "info": {"title": settings.service_name, "version": settings.service_version},
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"Bearer": _BEARER},
        "paths": {
            f"{prefix}/": {"get": {"responses": {"200": {"description": "The service is up."}}}},
            f"{prefix}/score": {"post": {"parameters": [body], "responses": {"200": answer}}},
        },
        "definitions": {},
    }


def _frame_3(settings: Settings, prefix: str) -> dict[str, Any]:
    def content(name: str) -> dict[str, Any]:
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}

    answer = {"description": "The answer of run().", "content": content("ServiceOutput")}
    score = {"requestBody": {"content": content("ServiceInput")}, "responses": {"200": answer}}
    return {
        "openapi": "3.0.3",
        "info": {"title": settings.service_name, "version": settings.service_version},
        "paths": {
            f"{prefix}/": {"get": {"responses": {"200": {"description": "The service is up."}}}},
            f"{prefix}/score": {"post": score},
        },
        "components": {"schemas": {}, "securitySchemes": {"Bearer": _BEARER}},
    }


_BEARER = {"type": "apiKey", "name": "Authorization", "in": "header"}
