"""Format local times, and HTML for notebooks.

The HTML is escaped, has no script and no external resource, and inherits its colors from the page,
so that it is readable on light and on dark ones; without its styles, it is plain tables.
"""

from __future__ import annotations

from datetime import datetime, timezone
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "Html",
    "bold",
    "card",
    "code",
    "counted",
    "facts",
    "folded",
    "lines",
    "link",
    "listed",
    "local_time",
    "mark",
    "quoted",
    "table",
]

_LINE: Final = "1px solid rgba(128,128,128,.3)"
_CARD: Final = (
    "display:inline-block;min-width:24em;max-width:100%;box-sizing:border-box;margin:.3em 0;"
    f"padding:.6em .9em;border:{_LINE};border-radius:6px;font-size:13px;line-height:1.5"
)
_CELL: Final = "text-align:left;vertical-align:top;padding:.15em .9em .15em 0;background:none"
_TEXT: Final = "white-space:pre-wrap;overflow-wrap:anywhere;max-width:44em"
# Dark enough for white pages, and light enough for black ones.
_COLORS: Final = {"good": "#2f9e5f", "warn": "#c9820a", "bad": "#e0493e", "quiet": "#8a8a8a"}


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as ``"1 error"`` or ``"2,000 errors"``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Sequence[str], most: int) -> str:
    """Return names in one line; only the first of more than `most`, and how many there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


class Html(str):
    """Text that is HTML already; all other text is escaped."""

    __slots__ = ()


def _html(value: object) -> Html:
    return value if isinstance(value, Html) else Html(escape(str(value)))


def card(title: object, *parts: Html, note: object = "") -> str:
    """Return a framed block: a title, a remark after it, and the content below."""
    aside = f" <span style='opacity:.65'>{_html(note)}</span>" if note else ""
    head = f"<div style='margin-bottom:.3em'><b>{_html(title)}</b>{aside}</div>"
    return f"<div style='{_CARD}'>{head}{''.join(parts)}</div>"


def facts(values: Mapping[str, object]) -> Html:
    """Return names and values in two columns; empty values are omitted."""
    name_style = f"{_CELL};font-weight:normal;opacity:.65;white-space:nowrap"
    rows = "".join(
        f"<tr style='background:none'><th style='{name_style}'>{escape(name)}</th>"
        f"<td style='{_CELL};{_TEXT}'>{_html(value)}</td></tr>"
        for name, value in values.items()
        if value not in ("", None)
    )
    return Html(f"<table style='border-collapse:collapse;margin:0'>{rows}</table>")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """Return rows under a header."""
    titles = "".join(f"<th style='{_CELL};border-bottom:{_LINE}'>{escape(h)}</th>" for h in header)
    lines = "".join(
        "<tr style='background:none'>"
        + "".join(f"<td style='{_CELL};{_TEXT}'>{_html(cell)}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return Html(
        "<table style='border-collapse:collapse;margin:.3em 0'>"
        f"<thead><tr style='background:none'>{titles}</tr></thead><tbody>{lines}</tbody></table>"
    )


def folded(title: object, content: Html) -> Html:
    """Return a block that expands when clicked."""
    summary = f"<summary style='cursor:pointer;opacity:.8'>{_html(title)}</summary>"
    return Html(f"<details>{summary}{content}</details>")


def lines(*parts: object) -> Html:
    """Return each of `parts` on a line of its own; empty ones are omitted."""
    return Html("".join(f"<div>{_html(part)}</div>" for part in parts if part))


def bold(text: object) -> Html:
    """Return bold text."""
    return Html(f"<b>{_html(text)}</b>")


def quoted(text: str) -> Html:
    """Return lines of a log or of a traceback verbatim."""
    style = f"margin:.2em 0;padding-left:.8em;border-left:3px solid rgba(128,128,128,.4);{_TEXT}"
    return Html(f"<pre style='{style};background:none;color:inherit'>{escape(text)}</pre>")


def code(text: object, *, whole: object = "") -> Html:
    """Return text as code; if truncated, a tooltip has all of it."""
    tip = f' title="{escape(str(whole))}"' if whole else ""
    return Html(f"<code{tip} style='background:none;color:inherit'>{_html(text)}</code>")


def link(uri: str) -> Html:
    """Return a link to a web address; anything else is plain text."""
    if not uri.startswith(("http://", "https://")):
        return _html(uri)
    return Html(f'<a href="{escape(uri)}" target="_blank" rel="noopener">{_html(uri)}</a>')


def mark(word: object, tone: str) -> Html:
    """Return a word with a colored dot; `tone` is ``good``, ``warn``, ``bad`` or ``quiet``."""
    dot = f"<span style='color:{_COLORS[tone]}'>&#9679;</span>"
    return Html(f"<span style='white-space:nowrap'>{dot} {_html(word)}</span>")


def local_time(moment: str) -> str:
    """Return an ISO 8601 time in the time zone of this machine, such as ``2026-01-31 13:00:05``.

    A time without a zone is UTC; a text that is not a time is returned unchanged.
    """
    try:
        read = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    except ValueError:
        return moment
    known = read if read.tzinfo else read.replace(tzinfo=timezone.utc)
    return known.astimezone().strftime("%Y-%m-%d %H:%M:%S")
