"""Requests to the undecorated script: HTTP of every kind, and answers of every kind."""

from __future__ import annotations

import gzip

from differential.wire import post, send

__all__ = ["ANSWERS", "BODIES", "EXITS", "HEADERS", "QUERIES", "ROUTES"]

_JSON = (("Content-Type", "application/json"),)


def _do(what: str, *, ends: bool = False):
    return post(f"do {what}", f'{{"do": "{what}"}}'.encode(), ends=ends)


ANSWERS = [
    _do(what)
    for what in (
        "none", "true", "integer", "huge integer", "integer beyond digits", "float", "tiny float",
        "negative zero", "whole float", "text", "lone surrogate", "json text", "empty text", "list",
        "empty list", "object", "empty object", "tuple", "named tuple", "ordered", "defaulting",
        "str enum", "int enum", "nan", "nan alone", "integer keys", "same keys", "tuple keys",
        "bytes", "bytes in a list", "set", "array", "array in an object", "float64", "float32",
        "int64", "float64 in a list", "numpy bool", "numpy str", "coroutine", "generator", "range",
        "datetime", "decimal", "uuid", "object of a class", "type", "circular", "deep", "long",
        "two megabytes", "print", "log", "root log", "stderr", "environment", "folder", "entry",
        "app root", "module", "own path", "is main", "thread", "handler", "alarm", "nap",
        "Exception", "ValueError", "KeyError", "TimeoutError", "StopIteration", "AssertionError",
        "MemoryError", "huge allocation", "RecursionError", "broken text", "group",
        "BrokenPipeError", "UnicodeDecodeError", "surrogate", "chained",
    )
]  # fmt: skip

EXITS = [
    _do(what, ends=True)
    for what in (
        "SystemExit", "sys.exit(0)", "sys.exit text", "KeyboardInterrupt", "GeneratorExit",
        "CancelledError", "BaseException", "os._exit", "SIGKILL", "SIGSEGV",
    )
]  # fmt: skip

_TYPES = (
    None, "", "text/plain", "text/plain; charset=utf-16", "application/octet-stream",
    "application/json; charset=latin-1", "application/vnd.a+json", "image/png", "nonsense", ";",
    "application/x-www-form-urlencoded", "APPLICATION/X-WWW-FORM-URLENCODED; charset=utf-8",
    "multipart/form-data; boundary=b", "multipart/form-data", "multipart/mixed; boundary=b",
    "application/x-url-encoded",
)  # fmt: skip

BODIES = [
    post("an empty body"),
    post("a body", b'{"data": [1, 2]}'),
    post("UTF-8", "h\u00e9llo \u4e16\u754c \U0001f600 \x00".encode()),
    post("a byte order mark", b"\xef\xbb\xbf[1]"),
    post("no UTF-8", b"\xff\xfe[1]"),
    post("UTF-8 that ends early", "a\u4e16".encode()[:-1]),
    post("a surrogate in UTF-8", b"a\xed\xa0\x80b"),
    post("an overlong form", b"\xc0\xaf"),
    post("line breaks", b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
    post("zeros", bytes(100)),
    post("gzip", gzip.compress(b"[1]", mtime=0), headers={"Content-Encoding": "gzip"}),
    post("not gzip", b"[1]", headers={"Content-Encoding": "gzip"}),
    post("a large body", b"x" * (3 << 20)),
    post("a large body that is not UTF-8", b"x" * (1 << 20) + b"\xff"),
    *(post(f"a body as {each!r}", b"a=1&b=%20", content_type=each) for each in _TYPES),
    post("a multipart body",
         b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
         content_type="multipart/form-data; boundary=b"),
    post("a query too", b"[1]", path="/score?a=1"),
    send("two content types", method="POST", body=b"a=1",
         headers=[("Content-Type", "application/x-www-form-urlencoded"), *_JSON]),
]  # fmt: skip

_STRINGS = (
    "", "a", "a=", "=a", "=", "&", "&&", "a=1", "a=1&b=2", "a=1&a=2", "a=1&a=x&b=null", "a=1;b=2",
    "a=%5B1%2C%202%5D", "a={%22b%22:1}", "a=%22t%22", "a=NaN", "a=1e5", "a=1e999", "a=-0.0",
    "a=+1", "a=%2B1", "a=01", "a=true", "a=True", "a=nul", "a=%C3%A9", "a=%E4%B8%96", "%C3%A9=1",
    "a=%FF", "a=%ED%A0%80", "a=%", "a=%4", "a=%zz", "a=%00", "a=b=c", "a=1?b=2", "a=%26", "a+b=c+d",
    "a=%20%201", "A=1&a=2", "a[]=1&a[]=2", "a.b=1", "a=1#b", "a=\\", "a='\"<>", "a={}|^`",
    "a=" + "1" * 3000, "&".join(f"k{n}={n}" for n in range(300)), "a=" + "9" * 400,
    "a=" + "%5B" * 600 + "%5D" * 600, "a=%EF%BB%BF1", "a=1%0A", "data=%7B%22do%22%3A%22none%22%7D",
)  # fmt: skip

QUERIES = [
    send("GET without a query"),
    *(send(f"GET ?{each[:60]}", path=f"/score?{each}") for each in _STRINGS),
    send("GET with raw bytes", path="/score?a=h\u00e9"),
    send("GET with a body", body=b"[1]", path="/score?a=1"),
    send("GET with a body in chunks", path="/score?a=1", headers={"Content-Type": "text/plain"}),
]

_PATHS = (
    "/score/", "//score", "/score//", "/Score", "/score%2F", "/%73core", "/./score", "/a/../score",
    "/score;a=1", "/score#a", "/score.json", "/swagger.json/", "/swagger", "/nothing", "/a b", "*",
    "http://localhost/score", "http://elsewhere.example/", "/%", "/%00", "/h\u00e9", "/%C3%A9",
    "/?",
    "/index.html", "/static/x", "/favicon.ico", "//", "/score?", "/swagger.json?", "/?a=1",
)  # fmt: skip
_METHODS = (
    "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "QUERY", "BREW",
    "get", "Post",
)  # fmt: skip
_VERSIONS = (
    "2", "2.0", "3", "3.0", "3.1", "9", "", "2.1", "%32", "3.1.0", " 2", "2&version=3", "v2",
    "h%C3%A9", "[2]", "<b>",
)  # fmt: skip

ROUTES = [
    send("health", path="/"),
    send("swagger", path="/swagger.json"),
    *(send(f"GET {each}", path=each) for each in _PATHS),
    *(send(f"{verb} {path}", method=verb, path=path)
      for verb in _METHODS for path in ("/", "/score", "/swagger.json", "/nothing")),
    *(send(f"{verb} /score with a body", method=verb, body=b"[1]", headers=_JSON)
      for verb in ("HEAD", "OPTIONS", "PUT", "DELETE")),
    *(send(f"swagger {each!r}", path=f"/swagger.json?version={each}".replace(" ", "%20"))
      for each in _VERSIONS),
    post("POST /", b"[1]", path="/"),
    post("POST /swagger.json", b"[1]", path="/swagger.json"),
]  # fmt: skip

_IDS = ("x-request-id", "x-ms-request-id", "x-ms-client-request-id", "TraceId")
_LONG = "x" * 100

HEADERS = [
    *(post(f"{name} {value[:8]!r} of {len(value)}", b"[1]", headers={name: value})
      for name in _IDS for value in ("a", "", _LONG, f"{_LONG}x", "h\u00e9", "a, b", '{"a": 1}')),
    *(post(f"{name} twice", b"[1]", headers=[(name, "a"), (name, "b")]) for name in _IDS),
    *(post(f"{one} and {other}", b"[1]", headers={one: "a", other: "b"})
      for one in _IDS for other in _IDS if one < other),
    post("all ids", b"[1]", headers={name: f"own-{name}" for name in _IDS}),
    *(post(f"long {one}, short {other}", b"[1]", headers={one: f"{_LONG}x", other: "b"})
      for one in _IDS for other in _IDS if one != other),
    *(send(f"{name} of {len(value)} at {path}", path=path, headers={name: value})
      for name in _IDS for path in ("/", "/swagger.json", "/nothing")
      for value in ("a", f"{_LONG}x")),
    send("ids with a bad method", method="PUT", headers=dict.fromkeys(_IDS, "a")),
    send("ids with HEAD", method="HEAD", headers=dict.fromkeys(_IDS, "a")),
    post("ids with an exception", b'{"do": "KeyError"}', headers=dict.fromkeys(_IDS, "a")),
    post("ids with what cannot be serialized", b'{"do": "set"}',
         headers=dict.fromkeys(_IDS, "a")),
    post("ids with a bad body", b"\xff", headers=dict.fromkeys(_IDS, "a")),
    post("an underscore", b"[1]", headers={"x_request_id": "a"}),
    post("other case", b"[1]", headers={"X-REQUEST-ID": "a", "TRACEID": "b"}),
    post("an origin", b"[1]", headers={"Origin": "https://a.example"}),
    post("an accept", b"[1]", headers={"Accept": "text/html;q=1, */*;q=0.1"}),
    post("an accept of nothing", b"[1]", headers={"Accept": "image/png"}),
    post("a range", b"[1]", headers={"Range": "bytes=0-1"}),
    post("a condition", b"[1]", headers={"If-None-Match": "*"}),
    post("an authorization", b"[1]", headers={"Authorization": "Bearer a"}),
    post("an override", b"[1]", headers={"X-HTTP-Method-Override": "GET"}),
    post("a forwarding", b"[1]",
         headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "1.2.3.4"}),
    post("an upgrade", b"[1]", headers={"Upgrade": "websocket", "Connection": "Upgrade"}),
    post("closing", b"[1]", headers={"Connection": "close"}),
    post("keeping alive", b"[1]", headers={"Connection": "keep-alive"}),
    post("90 headers", b"[1]", headers={f"X-{n}": "a" for n in range(90)}),
    post("an 8,000 byte header", b"[1]", headers={"X-A": "a" * 8000}),
    post("tabs in a value", b"[1]", headers={"x-request-id": "\ta\tb\t"}),
]  # fmt: skip
