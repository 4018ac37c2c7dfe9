"""The differences that are meant: each with its reason, on the narrowest condition.

The page docs/reference/scoring-server.md has them as a table, which is made from here; a
difference that no row holds is a bug.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from differential.matchers import (
    allows,
    cannot_be_written,
    has_nan,
    labelled,
    says_who,
    stays_open,
    tells_of_bad_http,
    tells_of_no_answer,
    unknown_method,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from differential.comparing import Found

__all__ = ["KNOWN", "Known", "as_table", "unknown"]

_SAME = "as azmlinfsrv"


@dataclass(frozen=True)
class Known:
    """One row of the table.

    Parameters
    ----------
    what : str
        What differs.
    reference, default, strict : str
        What each does, and with ``--strict``.
    reason : str
        Why.
    script, example : str
        A script, and the label of a request to it, that shows the difference.
    matches : Callable[[Found], bool]
        Whether a difference is this one.
    """

    what: str
    reference: str
    default: str
    strict: str
    reason: str
    script: str
    example: str
    matches: Callable[[Found], bool]

    def holds(self, found: Found, *, mode: str) -> bool:
        """Return whether a difference in this mode is this one."""
        return (mode == "default" or self.strict != _SAME) and self.matches(found)


_BEST = "as default"

KNOWN: list[Known] = [
    Known(
        "`Server` header",
        "`gunicorn`",
        "none",
        _BEST,
        "It helps attackers choose an exploit.",
        "plain",
        "health",
        lambda found: found.what == "header server" and found.values == ("gunicorn", "(absent)"),
    ),
    Known(
        "`x-ms-server-version` header",
        "`azmlinfsrv/1.5.1`",
        "`modelship/` and the version",
        _BEST,
        "It identifies the server; the same setting removes it.",
        "plain",
        "health",
        says_who,
    ),
    Known(
        "Connections",
        "closed after each answer",
        "kept open, as in HTTP/1.1",
        _SAME,
        "A new connection costs as much as a small score.",
        "plain",
        "two at once",
        stays_open,
    ),
    Known(
        "run() returns a value that is not JSON serializable",
        "500, `x-ms-run-function-failed: False`",
        "500, `True`",
        _SAME,
        "run() has failed.",
        "plain",
        "do set",
        cannot_be_written,
    ),
    Known(
        "NaN and infinities in what run() returns",
        "`NaN`, `Infinity`",
        "`null`",
        _SAME,
        "They are not valid JSON; strict clients refuse the whole answer.",
        "plain",
        "do nan",
        has_nan,
    ),
    Known(
        "405",
        "no `Allow`",
        "`Allow` with the route's methods",
        _SAME,
        "RFC 9110 requires it.",
        "plain",
        "PUT /score",
        allows,
    ),
    Known(
        "An invalid HTTP request (400, 414, 431)",
        "gunicorn's HTML page",
        'the same status, `{"message": …}`',
        _BEST,
        "All errors have the same format.",
        "plain",
        "words",
        tells_of_bad_http,
    ),
    Known(
        "run() exits, or its answer cannot be sent as HTTP",
        "gunicorn's HTML page, 500",
        '500, `{"message": …}` with the contract\'s headers',
        _BEST,
        "All errors have the same format, with the request id.",
        "raw",
        "answer aml beyond latin",
        tells_of_no_answer,
    ),
    Known(
        "Unregistered methods",
        "405",
        "400",
        _BEST,
        "The HTTP parser accepts only registered methods.",
        "plain",
        "BREW /score",
        unknown_method,
    ),
    Known(
        "The target `*`",
        "400",
        "404",
        _BEST,
        "It is treated as any other unknown path.",
        "plain",
        "GET *",
        labelled("GET *", reference=400, ours=404),
    ),
    Known(
        "`HTTP/1.2`",
        "answered",
        "400",
        _BEST,
        "This version does not exist.",
        "plain",
        "HTTP/1.2",
        labelled("HTTP/1.2", reference=200, ours=400),
    ),
    Known(
        "`Upgrade: websocket`",
        "400",
        "answered, ignoring the upgrade",
        _BEST,
        "RFC 9110 lets a server ignore it.",
        "plain",
        "an upgrade",
        labelled("an upgrade", reference=400, ours=200),
    ),
    Known(
        "No version, two spaces or `HTTP/2.0` in the request line",
        "400",
        "answered",
        _BEST,
        "The request is unambiguous.",
        "plain",
        "two spaces",
        labelled("no version", "two spaces", "HTTP/2.0", reference=400, ours=200),
    ),
    Known(
        "`Expect` other than 100-continue",
        "417",
        "answered",
        _BEST,
        "RFC 9110 lets a server ignore it.",
        "plain",
        "another expectation",
        labelled("another expectation", reference=417, ours=200),
    ),
    Known(
        "`Expect: 100-continue` if no body is read",
        "100, then the answer",
        "the answer",
        _BEST,
        "The client should not send a body that is not read (RFC 9110, section 10.1.1).",
        "plain",
        "an expectation at a bad path",
        lambda found: (
            found.sent.label == "an expectation at a bad path" and found.what == "header (interim)"
        ),
    ),
    Known(
        "`Content-Type` twice",
        "400",
        "the values are joined, as for other headers",
        _BEST,
        "run() decides what to do with a body.",
        "plain",
        "two content types",
        labelled("two content types", reference=400, ours=200),
    ),
    Known(
        "A client that disconnects before its request is complete",
        "run() is called with the received part, or an error is sent",
        "no answer",
        _BEST,
        "An incomplete body must not be scored.",
        "plain",
        "a length that is too long",
        lambda found: (
            labelled("a length that is too long", reference=200, ours=0)(found)
            or labelled("HTTP/0.9", "nothing", reference=400, ours=0)(found)
            or labelled("chunks that end early", reference=500, ours=0)(found)
        ),
    ),
    Known(
        "A malformed or endless chunk",
        "500, like a failure of the service",
        "400",
        _BEST,
        "The request is wrong.",
        "plain",
        "a bad chunk size",
        labelled(
            "a bad chunk size",
            "a negative chunk size",
            "a chunk that is too long",
            reference=500,
            ours=400,
        ),
    ),
    Known(
        "An unknown transfer encoding",
        "501",
        "400",
        _BEST,
        "The HTTP parser rejects it.",
        "plain",
        "an unknown transfer encoding",
        labelled("an unknown transfer encoding", reference=501, ours=400),
    ),
    Known(
        "A length beyond 64 bits",
        "run() is called with the received part",
        "400",
        _BEST,
        "No client can send that much.",
        "plain",
        "a huge length",
        labelled("a huge length", reference=200, ours=400),
    ),
    Known(
        "Bytes that are not HTTP, such as TLS",
        "the connection is closed",
        "400",
        _BEST,
        "It says what is wrong.",
        "plain",
        "TLS",
        labelled("TLS", reference=0, ours=400),
    ),
    Known(
        "A Response with a wrong Content-Length set by the script",
        "truncated",
        "the correct length",
        _BEST,
        "A truncated body is useless.",
        "raw",
        "answer aml own length",
        labelled("answer aml own length", reference=200, ours=200),
    ),
    Known(
        "Health and swagger during run()",
        "delayed until it ends",
        "answered at once",
        _BEST,
        "A health probe would restart a service that is only busy.",
        "",
        "",
        lambda _: False,
    ),
    Known(
        "The log",
        "two lines for each request, `azmlinfsrv` and `gunicorn.access`",
        "one for each score, `azmlinfsrv`",
        _BEST,
        "The second adds no information.",
        "",
        "",
        lambda _: False,
    ),
    Known(
        "The query in the log",
        "logged",
        "omitted",
        _BEST,
        "Some clients send keys in it.",
        "",
        "",
        lambda _: False,
    ),
    Known(
        "The first lines of the log",
        "a banner, the settings, and the routes",
        "the settings, in the same format, and the modelship settings that are set",
        _BEST,
        "Tools parse the settings.",
        "",
        "",
        lambda _: False,
    ),
    Known(
        "Line breaks and control characters in a script's output, logs and exceptions",
        "logged unchanged",
        "lines from the script are indented; control characters except colors are escaped",
        _BEST,
        "A request could forge lines of the server in the log.",
        "",
        "",
        lambda _: False,
    ),
    Known(
        "The warning that `x-ms-request-id` is deprecated",
        "for each request with the header",
        "once in each worker",
        _BEST,
        "Repeating it adds no information.",
        "",
        "",
        lambda _: False,
    ),
    Known(
        "A script's `logging.basicConfig()`",
        "has no effect, because the root logger has a handler",
        "takes effect",
        _SAME,
        "A script can configure its own log.",
        "",
        "",
        lambda _: False,
    ),
]


def unknown(found: list[Found], *, mode: str) -> str:
    """Return those that no row holds in this mode, as text; ``""`` if there are none."""
    left = [each for each in found if not any(row.holds(each, mode=mode) for row in KNOWN)]
    return "\n".join(each.text for each in left)


def as_table() -> str:
    """Return the rows as a table in Markdown."""
    head = "| What | azmlinfsrv 1.5.1 | modelship | modelship `--strict` | Why |\n"
    head += "|---|---|---|---|---|\n"
    return head + "".join(
        f"| {row.what} | {row.reference} | {row.default} | {row.strict} | {row.reason} |\n"
        for row in KNOWN
    )
