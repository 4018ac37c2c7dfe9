"""The SDK's errors, and those of the libraries below it, in ours.

Azure ML's SDK raises one class for nearly everything and puts the whole HTTP answer into its
text, so status and cause are read from there.
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
    from collections.abc import Mapping

__all__ = ["cause_of", "status_of", "translate"]

_STATUS = re.compile(r"Response Code: (\d{3})|Code: (\d{3})\b|\((\d{3})\)|status code '(\d{3})'")
_CONTENT = re.compile(r"Content: (b?(?:'.*'|\".*\"))\s*$", re.DOTALL)
_SECRET = re.compile(r"(?i)((?:sig|se|st|sv|sp|code|password|secret)=)[^&\s'\"]+|Bearer \S+")
_SHOWN = 600
_REFUSED = frozenset({401, 403})
_DENIED = re.compile(
    r"AADSTS\d+|(?i:authentication|credential|token (?:has )?expired|az login|unauthorized)"
)
_CREDENTIALS = frozenset({"AuthenticationException", "ClientAuthenticationError"})
_UNREACHABLE = frozenset(
    {
        "ClientRequestError",  # msrest
        "ServiceRequestError",  # azure.core: nothing was sent
        "ServiceResponseError",  # azure.core: no answer came
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

_ADVICE = (
    (
        re.compile(r"(?i)quota|exceed|cores"),
        "Ask for fewer cpu_cores or less memory_gb, or delete services that nobody needs.",
    ),
    (re.compile(r"(?i)429|throttl|too many"), "Wait a minute, and try again."),
)


def translate(error: Exception, *, workspace: str, doing: str) -> ModelshipError:
    """Return our error for whatever the SDK raised while it was asked to do something.

    Parameters
    ----------
    error : Exception
        Anything that came out of the SDK; an error of ours comes back as it is.
    workspace : str
        The workspace's name.
    doing : str
        What was asked, after "to": ``"register the model 'digits'"``.
    """
    if isinstance(error, ModelshipError):
        return error
    text = _redacted(_text(error))
    if _is(error, _UNREACHABLE) or _is_connection(error):
        return WorkspaceUnreachableError(workspace, doing, _shown(_innermost(error, text)))
    if doing == "open it" and (problem := _missing(text, workspace)):
        return WorkspaceNotFoundError(problem, "Compare the three names with those in the portal.")
    status, cause = status_of(text), _cause(text) or type(error).__name__
    denied = status is None and _DENIED.search(text)
    if denied or status in _REFUSED or _is(error, _CREDENTIALS):
        return WorkspaceCredentialsError(workspace, cause)
    advice = next((words for pattern, words in _ADVICE if pattern.search(cause)), "")
    return WorkspaceRequestError(workspace, doing, cause, status=status, advice=advice)


def _missing(text: str, workspace: str) -> str:
    """Say which of the names leads nowhere, or ``""``."""
    if _NO_SUBSCRIPTION.search(text):
        return f"this account sees no such subscription (looking for {workspace!r})"
    if _NO_WORKSPACE.search(text):
        return f"there is no workspace {workspace!r} in this resource group and subscription"
    return ""


def status_of(text: str) -> int | None:
    """Return the HTTP status that the SDK quotes in an error's text, or None."""
    found = _STATUS.search(text)
    return int(next(group for group in found.groups() if group)) if found else None


def cause_of(error: Mapping[str, Any]) -> str:
    """Say in one line what an error of Azure's says: its code, its message, and the details'.

    Parameters
    ----------
    error : Mapping
        As Azure ML reports it: ``{"code", "message", "details": [{"code", "message"}]}``, bare or
        under the key ``error``.
    """
    inner = error.get("error")
    if isinstance(inner, dict):
        error = inner
    parts = [error, *(each for each in error.get("details") or () if isinstance(each, dict))]
    said: list[str] = []
    for part in parts:
        words = ": ".join(str(part[key]) for key in ("code", "message") if part.get(key))
        if words and words not in said:
            said.append(words)
    return _shown("; ".join(said))


def _text(error: Exception) -> str:
    """Return an error's own words, without the SDK's "InnerException None ErrorResponse {…}"."""
    try:
        message = getattr(error, "message", "")
        return message if isinstance(message, str) and message else str(error)
    except Exception:  # noqa: BLE001 - some vendors' errors fail at telling what failed
        return type(error).__name__


def _cause(text: str) -> str:
    content = _CONTENT.search(text)
    if content:
        try:
            body = ast.literal_eval(content[1])
            document = json.loads(body.decode() if isinstance(body, bytes) else body)
            if isinstance(document, dict) and (cause := cause_of(document)):
                return cause
        except (ValueError, SyntaxError):
            pass
    return _shown(text)


def _is(error: BaseException, names: frozenset[str] | set[str]) -> bool:
    return any(kind.__name__ in names for kind in type(error).__mro__)


def _is_connection(error: BaseException) -> bool:
    import requests

    kinds = (requests.ConnectionError, requests.Timeout, ConnectionError, TimeoutError)
    seen = 0
    inner: BaseException | None = error
    while inner is not None and seen < 10:  # noqa: PLR2004 - a chain that is longer is a loop
        if isinstance(inner, kinds):
            return True
        inner, seen = inner.__cause__ or inner.__context__, seen + 1
    return False


def _innermost(error: BaseException, text: str) -> str:
    """Say what lies at the bottom of a failed connection; the text above it quotes the URL."""
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


def _redacted(text: str) -> str:
    return _SECRET.sub(lambda match: f"{match[1]}…" if match[1] else "Bearer …", text)


def _shown(text: str) -> str:
    line = " ".join(text.split()).rstrip(". ")
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
