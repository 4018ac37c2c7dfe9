"""Provide ``azureml.contrib.services``, the raw HTTP API of scripts, without azureml packages.

The modules are registered at start, and import flask when one of their names is first used.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .http_contract import JSON, NOT_FAILED, HttpAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["install", "raw_requested"]

_PACKAGE = "azureml.contrib.services"
_REFERENCE = "azureml_inference_server_http.api.aml_request"


class _Asked:
    """Whether a script has requested raw HTTP, by decorating any function."""

    raw = False


def install() -> None:
    """Register the modules in ``sys.modules``; their parent packages need not exist.

    If Azure ML's own server is not installed, they are registered under its module names, too.
    """
    packages = [_PACKAGE]
    if find_spec(_REFERENCE.partition(".")[0]) is None:
        packages.append(_REFERENCE.rpartition(".")[0])
    for name, contents in _MODULES.items():
        for package in packages:
            sys.modules[f"{package}.{name}"] = _Module(f"{package}.{name}", contents)


def raw_requested() -> bool:
    """Return whether @rawhttp was used, this one or that of Azure ML's own server."""
    return _Asked.raw or bool(getattr(sys.modules.get(_REFERENCE), "_rawHttpRequested", False))


def rawhttp(function: Callable[..., Any]) -> Callable[..., Any]:
    """Request that run() receives the flask request."""
    _Asked.raw = True
    return function


@cache
def _request_class() -> type:
    from flask import Request

    class AMLRequest(Request):  # type: ignore[misc]  # flask is in the serving environment alone
        """The request that run() receives; defined here so that a script need not import flask."""

    return AMLRequest


@cache
def _response_class() -> type:
    from flask import Response

    class AMLResponse(Response):  # type: ignore[misc]  # as above
        """A response that is sent unchanged.

        Parameters
        ----------
        message : JSON value, str, bytes or iterable
            The body; None is an empty JSON object.
        status_code : int
            The HTTP status.
        response_headers : Mapping[str, str]
            Additional headers; a value with commas becomes several headers.
        json_str : bool
            Serialize `message` as JSON.
        run_function_failed : bool
            The value of the header ``x-ms-run-function-failed``.
        """

        def __init__(
            self,
            message: Any,
            status_code: int,
            response_headers: Mapping[str, str] | None = None,
            json_str: bool = False,  # noqa: FBT001, FBT002 - scripts pass it by position
            run_function_failed: bool = False,  # noqa: FBT001, FBT002 - as above
        ) -> None:
            given = response_headers or {}
            if message is None or json_str:
                body = json.dumps({} if message is None else message)
                super().__init__(body, status=status_code, mimetype="application/json")
            else:
                super().__init__(message, status=status_code)
                if "Content-Type" in given:
                    self.headers.remove("Content-Type")
            self.headers["x-ms-run-function-failed"] = str(run_function_failed)
            _add_headers(self.headers, given)

    return AMLResponse


def _add_headers(headers: Any, given: Mapping[str, str]) -> None:
    """Add headers, one for each comma-separated part of a value."""
    for name, values in given.items():
        for value in values.split(","):
            headers.add(name, value.strip())


def plain_response(message: Any, status_code: int) -> HttpAnswer:
    """Return a JSON response without flask, which need not be installed or imported."""
    return HttpAnswer(status_code, json.dumps(message).encode(), JSON + NOT_FAILED)


_MODULES: dict[str, dict[str, Callable[[], Any]]] = {
    "aml_request": {"AMLRequest": _request_class, "rawhttp": lambda: rawhttp},
    "aml_response": {"AMLResponse": _response_class, "plain_response": lambda: plain_response},
}


class _Module(ModuleType):
    """A module whose attributes are created on first access."""

    def __init__(self, name: str, contents: dict[str, Callable[[], Any]]) -> None:
        super().__init__(name)
        self._contents = contents
        self.__all__ = list(contents)

    def __getattr__(self, name: str) -> Any:
        contents = self.__dict__.get("_contents", {})
        if name in contents:
            return contents[name]()
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
