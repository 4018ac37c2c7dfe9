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

_SAME = "as the reference"


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


_BEST = "as by default"

KNOWN: list[Known] = [
    Known(
        "`Server` header",
        "`gunicorn`",
        "none",
        _BEST,
        "It tells an attacker what to try.",
        "plain",
        "health",
        lambda found: found.what == "header server" and found.values == ("gunicorn", "(absent)"),
    ),
    Known(
        "`x-ms-server-version` header",
        "`azmlinfsrv/1.5.1`",
        "`modelship/` and its version",
        _BEST,
        "It says which server answers; the same setting leaves it out.",
        "plain",
        "health",
        says_who,
    ),
    Known(
        "Connections",
        "closed after each answer",
        "kept open, as HTTP/1.1 has it",
        _SAME,
        "A new connection costs as much as a small score.",
        "plain",
        "two at once",
        stays_open,
    ),
    Known(
        "What run() returns cannot be written as JSON",
        "500, `x-ms-run-function-failed: False`",
        "500, `True`",
        _SAME,
        "run() is what failed.",
        "plain",
        "do set",
        cannot_be_written,
    ),
    Known(
        "NaN and infinities in what run() returns",
        "`NaN`, `Infinity`",
        "`null`",
        _SAME,
        "They are no JSON; strict clients refuse the whole answer.",
        "plain",
        "do nan",
        has_nan,
    ),
    Known(
        "405",
        "no `Allow`",
        "`Allow` with the route's methods",
        _SAME,
        "RFC 9110 demands it.",
        "plain",
        "PUT /score",
        allows,
    ),
    Known(
        "A request that is no right HTTP (400, 414, 431)",
        "gunicorn's page in HTML",
        'the same status, `{"message": …}`',
        _BEST,
        "Each error is in the same form.",
        "plain",
        "words",
        tells_of_bad_http,
    ),
    Known(
        "run() exits, or its answer cannot be sent as HTTP",
        "gunicorn's page in HTML, 500",
        '500, `{"message": …}` with the contract\'s headers',
        _BEST,
        "Each error is in the same form, with its request's id.",
        "raw",
        "answer aml beyond latin",
        tells_of_no_answer,
    ),
    Known(
        "Methods that no standard names",
        "405",
        "400",
        _BEST,
        "The HTTP parser knows the registered ones.",
        "plain",
        "BREW /score",
        unknown_method,
    ),
    Known(
        "The target `*`",
        "400",
        "404",
        _BEST,
        "It is a path like any other that is not there.",
        "plain",
        "GET *",
        labelled("GET *", reference=400, ours=404),
    ),
    Known(
        "`HTTP/1.2`",
        "answered",
        "400",
        _BEST,
        "There is no such version.",
        "plain",
        "HTTP/1.2",
        labelled("HTTP/1.2", reference=200, ours=400),
    ),
    Known(
        "`Upgrade: websocket`",
        "400",
        "answered as if it did not ask",
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
        "What is meant is clear.",
        "plain",
        "two spaces",
        labelled("no version", "two spaces", "HTTP/2.0", reference=400, ours=200),
    ),
    Known(
        "`Expect` of anything but 100-continue",
        "417",
        "answered",
        _BEST,
        "RFC 9110 lets a server ignore it.",
        "plain",
        "another expectation",
        labelled("another expectation", reference=417, ours=200),
    ),
    Known(
        "`Expect: 100-continue` where no body is read",
        "100, and then the answer",
        "the answer",
        _BEST,
        "Nobody is to send what nobody reads (RFC 9110, section 10.1.1).",
        "plain",
        "an expectation at a bad path",
        lambda found: (
            found.sent.label == "an expectation at a bad path" and found.what == "header (interim)"
        ),
    ),
    Known(
        "`Content-Type` twice",
        "400",
        "their values are joined, as those of other headers",
        _BEST,
        "run() decides what to do with a body.",
        "plain",
        "two content types",
        labelled("two content types", reference=400, ours=200),
    ),
    Known(
        "A client that leaves before its request is whole",
        "run() is called with what has come, or an error is sent",
        "no answer",
        _BEST,
        "Half a body is not what was to be scored.",
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
        "500, as if the service had failed",
        "400",
        _BEST,
        "The request is at fault.",
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
        "A transfer encoding that nobody knows",
        "501",
        "400",
        _BEST,
        "To the HTTP parser it is no HTTP.",
        "plain",
        "an unknown transfer encoding",
        labelled("an unknown transfer encoding", reference=501, ours=400),
    ),
    Known(
        "A length beyond 64 bits",
        "run() is called with what has come",
        "400",
        _BEST,
        "Nobody can send so much.",
        "plain",
        "a huge length",
        labelled("a huge length", reference=200, ours=400),
    ),
    Known(
        "Bytes that are no HTTP, such as TLS",
        "the connection is closed",
        "400",
        _BEST,
        "It tells what is wrong.",
        "plain",
        "TLS",
        labelled("TLS", reference=0, ours=400),
    ),
    Known(
        "A Response with a Content-Length of its own that is wrong",
        "cut there",
        "the right length",
        _BEST,
        "A cut body is of no use.",
        "raw",
        "answer aml own length",
        labelled("answer aml own length", reference=200, ours=200),
    ),
    Known(
        "Health and swagger while run() works",
        "wait for it",
        "answered at once",
        _BEST,
        "What probes health would restart a service that is only busy.",
        "",
        "",
        lambda _: False,
    ),
    Known(
        "The log",
        "two lines for each request, `azmlinfsrv` and `gunicorn.access`",
        "one for each score, `azmlinfsrv`",
        _BEST,
        "The second says nothing new.",
        "",
        "",
        lambda _: False,
    ),
    Known(
        "The query in the log",
        "written as it is",
        "left out",
        _BEST,
        "Keys are sent in it.",
        "",
        "",
        lambda _: False,
    ),
    Known(
        "The first lines of the log",
        "a banner, the settings, and the routes",
        "the settings, in the same words, and those of its own that are given",
        _BEST,
        "Tools look for the settings.",
        "",
        "",
        lambda _: False,
    ),
    Known(
        "Line breaks and control characters in what a script prints, logs, raises or writes",
        "written as they are",
        "each line that is not the server's is indented, control characters but colors are escaped",
        _BEST,
        "A request could add lines to the log that look like the server's.",
        "",
        "",
        lambda _: False,
    ),
    Known(
        "The warning that `x-ms-request-id` is deprecated",
        "for each request that has it",
        "once in each worker",
        _BEST,
        "It says nothing new the second time.",
        "",
        "",
        lambda _: False,
    ),
    Known(
        "A script's `logging.basicConfig()`",
        "does nothing, for the root logger has a handler",
        "has its effect",
        _SAME,
        "A script that asks for its own logs gets them.",
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
    head = (
        "| What | azmlinfsrv 1.5.1 | Ours | Ours with `--strict` | Why |\n|---|---|---|---|---|\n"
    )
    return head + "".join(
        f"| {row.what} | {row.reference} | {row.default} | {row.strict} | {row.reason} |\n"
        for row in KNOWN
    )
