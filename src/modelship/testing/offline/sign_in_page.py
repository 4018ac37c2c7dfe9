"""The page that a browser gets where the SDK lets a person sign in: it turns them away.

It is the answer of OAuth 2.0 to a person who may not (RFC 6749, section 4.1.2.1), so that the
program that waits for the browser goes on, with an error whose text is a sentence.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from modelship.testing.offline.hosts import is_loopback

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

__all__ = ["turned_away"]

_PAGE = """<!doctype html>
<title>Offline workspace</title>
<p>{sentence}</p>
"""
_FORM = """<form method="{method}" action="{action}">
{fields}
</form>
<script>document.forms[0].submit()</script>
"""


def turned_away(request: Request, sentence: str) -> Response:
    """Return a page that shows a sentence, and tells it to the program that waits."""
    page = _PAGE.format(sentence=escape(sentence))
    place = urlsplit(request.args.get("redirect_uri", ""))
    if place.scheme == "http" and is_loopback(place.hostname or ""):
        page += _form(request, sentence)
    return Response(page, mimetype="text/html")


def _form(request: Request, sentence: str) -> str:
    told = {
        "error": "access_denied",
        "error_description": sentence,
        "state": request.args.get("state", ""),
    }
    fields = [
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in told.items()
    ]
    posts = request.args.get("response_mode") == "form_post"
    return _FORM.format(
        method="post" if posts else "get",
        action=escape(request.args["redirect_uri"]),
        fields="\n".join(fields),
    )
