"""Find secrets in the source, and requests written to the log."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from modelship.checks.parsing import called, text_of
from modelship.findings import RULES, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelship.bundle.scoring_script import SourceFile
    from modelship.checks.parsing import Function, Script
    from modelship.findings import Finding

__all__ = ["log_findings", "secret_findings", "variable_findings"]

# The formats that their issuers use.
_SECRETS: Final = (
    (rb"AccountKey=[A-Za-z0-9+/]{40,}={0,2}", "the key of a storage account"),
    (rb"SharedAccessKey=[A-Za-z0-9+/]{30,}={0,2}", "a shared access key"),
    (rb"[?&]sig=[A-Za-z0-9%+/]{30,}", "a shared access signature"),
    (rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----", "a private key"),
    (rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", "an AWS access key"),
    (rb"\bgh[pousr]_[A-Za-z0-9]{36,}\b", "a GitHub token"),
    (rb"\bxox[abprs]-[A-Za-z0-9-]{10,}", "a Slack token"),
    (rb"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}", "a bearer token"),
    (
        # and not a placeholder: a word in capitals, the word itself, or asterisks
        rb"://[^/\s:@\"']+:(?![A-Z_]+@|(?i:pass(word)?|pwd|secret)@|[*x.]+@)[^/\s:@\"'{}$<]{3,}@[\w.-]+",
        "a password in a URL",
    ),
)
_PATTERNS: Final = tuple((re.compile(pattern), what) for pattern, what in _SECRETS)
_NAMES: Final = re.compile(
    r"(^|_)(password|passwd|pwd|secret|api_?key|account_?key|access_?key|client_secret"
    r"|auth_?token|connection_string)$",
    re.IGNORECASE,
)
_STANDS_FOR_ONE: Final = re.compile(
    r"^[<{$%*]|^(x+|your|changeme|example|none|test)\b", re.IGNORECASE
)
_SHORTEST: Final = 8
_LARGEST_BYTES: Final = 2_000_000
_LOGGERS: Final = frozenset({"debug", "info", "warning", "error", "critical", "log"})


def secret_findings(source: tuple[SourceFile, ...]) -> Iterator[Finding]:
    """Find secrets in any file of the source; name their kind, and never show their value."""
    for file in source:
        content = file.content[:_LARGEST_BYTES]
        for pattern, what in _PATTERNS:
            for match in pattern.finditer(content):
                line = content.count(b"\n", 0, match.start()) + 1
                yield RULES["MS110"].finding(f"It holds {what}.", path=file.path, line=line)
                break


def variable_findings(variables: Mapping[str, str]) -> Iterator[Finding]:
    """Find secrets among a service's variables that are displayed."""
    for name, value in variables.items():
        held = (what for pattern, what in _PATTERNS if pattern.search(value.encode()))
        if what := next(held, ""):
            yield RULES["MS118"].finding(f"The variable {name} holds {what}.")
        elif _NAMES.search(name) and _may_be_secret(value) and not value.startswith("/"):
            yield RULES["MS118"].finding(f"The variable {name} looks like a secret.")


def log_findings(script: Script, *, is_entry: bool) -> Iterator[Finding]:
    """Find logging of variables named like secrets, and of requests.

    Parameters
    ----------
    script : Script
        The script, or a module next to it.
    is_entry : bool
        Whether it is the script whose run() receives the requests.
    """
    for node in script.nodes:
        yield from _named_secrets(node, script)
    run = script.functions.get("run") if is_entry else None
    if run is not None:
        yield from _printed(run, script)


def _named_secrets(node: ast.AST, script: Script) -> Iterator[Finding]:
    pairs: list[tuple[str, ast.expr]] = []
    if isinstance(node, ast.Assign):
        pairs = [(each.id, node.value) for each in node.targets if isinstance(each, ast.Name)]
    elif isinstance(node, ast.Call):
        pairs = [(each.arg or "", each.value) for each in node.keywords]
    elif isinstance(node, ast.Dict):
        keys = [each.value if isinstance(each, ast.Constant) else "" for each in node.keys]
        pairs = [(str(key), value) for key, value in zip(keys, node.values, strict=True)]
    for name, value in pairs:
        if _NAMES.search(name) and _may_be_secret(text_of(value)):
            problem = f"It contains {name} as plain text."
            yield script.finding("MS110", problem, value, severity=Severity.ERROR)


def _may_be_secret(text: str) -> bool:
    mixed = any(each.isdigit() for each in text) or not text.isalpha()
    return len(text) >= _SHORTEST and " " not in text and mixed and not _STANDS_FOR_ONE.search(text)


def _printed(run: Function, script: Script) -> Iterator[Finding]:
    payload = _payload_names(run)
    for node in ast.walk(run):
        if not isinstance(node, ast.Call):
            continue
        logs = called(node) == "print" or (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in _LOGGERS
            and called(node).partition(".")[0] in {"logging", "logger", "log", "LOGGER", "LOG"}
        )
        if logs and any(_shows(each, payload) for each in node.args):
            yield script.finding("MS111", "It writes each request to the log.", node)


def _payload_names(run: Function) -> set[str]:
    """Return the names of the request in run(): its parameters, and values decoded from them."""
    names = {each.arg for each in (*run.args.args, *run.args.kwonlyargs)} - {"request_headers"}
    for node in ast.walk(run):
        if isinstance(node, ast.Assign) and called(node.value) == "json.loads":
            decoded = any(_shows(each, names) for each in getattr(node.value, "args", []))
            targets = {each.id for each in node.targets if isinstance(each, ast.Name)}
            names |= targets if decoded else set()
    return names


def _shows(node: ast.expr, payload: set[str]) -> bool:  # noqa: PLR0911 - one for each kind of node
    """Return whether the value of `node` is the request, or text that contains it."""
    if isinstance(node, ast.Name):
        return node.id in payload
    if isinstance(node, ast.JoinedStr):
        return any(_shows(each, payload) for each in node.values)
    if isinstance(node, ast.FormattedValue):
        return _shows(node.value, payload)
    if isinstance(node, ast.BinOp):
        return _shows(node.left, payload) or _shows(node.right, payload)
    if isinstance(node, ast.Tuple):
        return any(_shows(each, payload) for each in node.elts)
    if called(node) in {"str", "repr"} or called(node).endswith(".format"):
        return isinstance(node, ast.Call) and any(_shows(each, payload) for each in node.args)
    return False
