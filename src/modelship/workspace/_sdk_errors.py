"""Translate the errors of the SDK and of the libraries below it.

Azure ML's SDK raises one class for nearly everything and puts the whole HTTP response into its
text, so status and cause are parsed from there.
"""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

from modelship.errors import (
    ModelshipError,
    WorkspaceCredentialsError,
    WorkspaceNotFoundError,
    WorkspaceRequestError,
    WorkspaceUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["FROM_OUTSIDE", "cause_of", "chain", "redacted", "shown", "translate"]

_STATUS = re.compile(r"Code: (\d{3})\b|\"status_code\": (\d{3})\b")
_CONTENT = re.compile(r"Content: (b?(?:'.*'|\".*\"))\s*$", re.DOTALL)
_SECRET = re.compile(r"(?i)((?:sig|se|st|sv|sp|code|password|secret)=)[^&\s'\"]+|Bearer \S+")
_USER = re.compile(r"(?<=://)[^\s/@]+@")
_SHOWN = 600
# Azure's advice that modelship has already followed.
_HOMEWORK = re.compile(
    r"(?i),? please run print\(service\.get_logs\(\)\).*"
    r"|\.? ?Please check the (logs for your container|webservice state for the current).*"
)
_REFUSED = frozenset({401, 403})
_DENIED = re.compile(
    r"AADSTS\d+|get authority configuration|create device flow|"
    r"(?i:authentication|credential|token (?:has )?expired|az login|unauthorized)"
)
_CREDENTIALS = frozenset({"AuthenticationException", "ClientAuthenticationError"})
_UNREACHABLE = frozenset(
    {
        "ClientRequestError",  # msrest
        "ServiceRequestError",  # azure.core: the request was not sent
        "ServiceResponseError",  # azure.core: no response was received
        "ServiceRequestTimeoutError",
        "ServiceResponseTimeoutError",
        "IncompleteReadError",
        "AzureSigningError",
    }
)
_NO_WORKSPACE = re.compile(
    r"(?i)workspace not found|workspaces/\S+' under resource group|Resource\w*NotFound"
)
_NO_SUBSCRIPTION = re.compile(r"(?i)don't have access\s+to \S+ subscription")

_PRIVATE = re.compile(r"(?i)private link|not accessible from outside")
FROM_OUTSIDE = (
    "Run this from the workspace's virtual network, or allow public access to the workspace."
)

_ADVICE = (
    (
        re.compile(r"(?i)quota|exceed|cores"),
        "Request fewer cpu_cores or less memory_gb, or delete services that are not needed.",
    ),
    (re.compile(r"(?i)429|throttl|too many"), "Wait a minute, and try again."),
)


def translate(error: Exception, *, workspace: str, doing: str) -> ModelshipError:
    """Return our error for an exception of the SDK.

    Parameters
    ----------
    error : Exception
        Any exception that the SDK raised; an error of ours is returned unchanged.
    workspace : str
        The workspace's name.
    doing : str
        The operation, to follow "to": ``"register the model 'digits'"``.
    """
    if isinstance(error, ModelshipError):
        return error
    text = redacted(_text(error))
    if _is(error, _UNREACHABLE) or _is_connection(error):
        return WorkspaceUnreachableError(workspace, doing, shown(_innermost(error, text)))
    if doing == "open it" and (problem := _missing(text, workspace)):
        return WorkspaceNotFoundError(problem, "Compare the three names with those in the portal.")
    status, cause = _answer(error, text)
    denied = status is None and _DENIED.search(text)
    if cause and _PRIVATE.search(cause):
        return WorkspaceRequestError(workspace, doing, cause, status=status, advice=FROM_OUTSIDE)
    if denied or status in _REFUSED or _is(error, _CREDENTIALS):
        return WorkspaceCredentialsError(workspace, cause)
    cause = cause or type(error).__name__
    advice = next((words for pattern, words in _ADVICE if pattern.search(cause)), "")
    return WorkspaceRequestError(workspace, doing, cause, status=status, advice=advice)


def _missing(text: str, workspace: str) -> str:
    """Describe which of the names does not exist, or return ``""``."""
    if _NO_SUBSCRIPTION.search(text):
        return f"this account sees no such subscription (looking for {workspace!r})"
    if _NO_WORKSPACE.search(text):
        return f"there is no workspace {workspace!r} in this resource group and subscription"
    return ""


def cause_of(error: Mapping[str, Any]) -> str:
    """Summarize an error of Azure's in one line: its code, its message, and its details.

    Parameters
    ----------
    error : Mapping
        The error as Azure ML reports it: ``{"code", "message", "details": [{"code", "message"}]}``,
        bare or under the key ``error``.
    """
    inner = error.get("error")
    if isinstance(inner, dict):
        error = inner
    details = [each for each in error.get("details") or () if isinstance(each, dict)]
    # Azure repeats the message of a detail in that of the whole.
    whole = str(error.get("message") or "")
    repeated = any(each.get("message") and str(each["message"]) in whole for each in details)
    said: list[str] = []
    for part in details if repeated else [error, *details]:
        words = ": ".join(shown(str(part[key])) for key in ("code", "message") if part.get(key))
        if words and words not in said:
            said.append(words)
    return shown("; ".join(said))


def _text(error: Exception) -> str:
    """Return an error's own message, without the SDK's "InnerException None ErrorResponse {…}"."""
    try:
        message = getattr(error, "message", "")
        return message if isinstance(message, str) and message else str(error)
    except Exception:  # noqa: BLE001 - some vendors' errors fail at telling what failed
        return type(error).__name__


def _answer(error: Exception, text: str) -> tuple[int | None, str]:
    """Return the status of the service's response, and the cause in its body.

    Both are read from the HTTP response if the error or one of its causes has it; the SDK's text of
    it often omits the cause.
    """
    found = _STATUS.search(text)
    status = int(found[1] or found[2]) if found else None
    for each in chain(error):
        response: Any = getattr(each, "response", None)
        code = getattr(response, "status_code", None)
        if isinstance(code, int):
            status = status or code
            if cause := _cause(str(getattr(response, "text", ""))):
                return status, cause
    content = _CONTENT.search(text)
    return status, (_quoted(content[1]) if content else "") or _cause(text) or shown(text)


def _quoted(literal: str) -> str:
    """Return the cause in a response body that the SDK quotes as a Python literal."""
    try:
        body = ast.literal_eval(literal)
    except (ValueError, SyntaxError):
        return ""
    return _cause(body.decode(errors="replace") if isinstance(body, bytes) else str(body))


def _cause(text: str) -> str:
    """Return the cause in the first JSON document of a text, or ``""``."""
    start = text.find("{")
    if start < 0:
        return ""
    try:
        document, _ = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        return ""
    if description := document.get("error_description"):  # the identity platform's
        return shown(str(description))
    inner = document.get("error_details")
    return cause_of(inner if isinstance(inner, dict) else document)


def _is(error: BaseException, names: frozenset[str] | set[str]) -> bool:
    return any(kind.__name__ in names for kind in type(error).__mro__)


def _is_connection(error: BaseException) -> bool:
    import requests

    kinds = (requests.ConnectionError, requests.Timeout, ConnectionError, TimeoutError)
    return any(isinstance(each, kinds) for each in chain(error))


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    seen: set[int] = set()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        yield inner
        seen.add(id(inner))
        inner = inner.__cause__ or inner.__context__


def _innermost(error: BaseException, text: str) -> str:
    """Return the root cause of a failed connection; the text above it contains the URL."""
    import requests

    for words in ("Connection refused", "Name or service not known", "Remote end closed connection",
                  "Connection reset by peer", "certificate verify failed", "Connection aborted",
                  "nodename nor servname", "Temporary failure in name resolution"):  # fmt: skip
        if words.lower() in text.lower():
            return words[0].lower() + words[1:]
    if isinstance(error, (requests.Timeout, TimeoutError)) or "timed out" in text.lower():
        return "the answer did not come in time"
    found = re.search(r"\[Errno -?\d+\] ([^'\")]+)", text)
    return found[1] if found else text


def redacted(text: str) -> str:
    shown = _SECRET.sub(lambda match: f"{match[1]}…" if match[1] else "Bearer …", text)
    return _USER.sub("…@", shown)  # as in the URL of a proxy


def shown(text: str) -> str:
    line = _HOMEWORK.sub("", " ".join(text.split())).rstrip(". ")
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
