"""Requests to the @rawhttp script."""

from __future__ import annotations

from urllib.parse import quote

from differential.wire import Sent, post, send

__all__ = ["RAW"]

_ANSWERS = (
    "aml", "aml bytes", "aml none", "aml none 204", "aml json", "aml json nan", "aml headers",
    "aml two types", "aml lower type", "aml json type", "aml failed", "aml 404", "aml 500",
    "aml 503 said false", "aml stream", "aml empty", "aml list", "aml text status",
    "aml bad status", "aml 304", "aml own ids", "aml own length", "aml own date",
    "aml own connection", "aml line break", "aml latin", "aml beyond latin", "aml odd name",
    "aml object", "aml unserializable", "flask", "flask type", "flask 404", "flask 500",
    "flask json", "flask redirect", "flask stream", "flask broken stream",
    "flask broken stream with length", "flask file", "flask cookies", "flask later", "flask abort",
    "flask 204", "flask tuple", "text", "none", "bytes", "raise",
)  # fmt: skip
_MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nh\xc3\xa9\r\n--b--\r\n"
)  # fmt: skip
_CHUNKS = b"Host: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n"
_FORM = "application/x-www-form-urlencoded"
_VERBS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")

RAW = [
    *(send(f"answer {each}", path=f"/score?answer={quote(each)}") for each in _ANSWERS),
    *(send(f"HEAD {each}", method="HEAD", path=f"/score?answer={quote(each)}")
      for each in ("aml", "aml stream", "aml 500", "flask 204", "none", "raise")),
    *(send(f"OPTIONS {each}", method="OPTIONS", path=f"/score?answer={quote(each)}")
      for each in ("aml", "none", "raise")),
    *(send(verb, method=verb, path="/score?a=1") for verb in _VERBS),
    *(send(f"{verb} with a body", method=verb, path="/score", body=b"[1]") for verb in _VERBS),
    post("JSON", {"a": [1]}),
    post("JSON read", {"a": [1]}, path="/score?how=json"),
    post("no JSON read", b"{", path="/score?how=json"),
    post("JSON read strictly", {"a": [1]}, path="/score?how=strict%20json"),
    post("text read as JSON strictly", b"1", path="/score?how=strict%20json",
         content_type="text/plain"),
    post("bytes", bytes(range(256)), content_type="application/octet-stream"),
    post("a form", b"a=1&b=%20&a=2&c", content_type=_FORM),
    post("a form in a charset",
         "a=h\u00e9".encode("latin-1"), content_type=f"{_FORM}; charset=latin-1"),
    post("files", _MULTIPART, content_type="multipart/form-data; boundary=b"),
    post("files that end early", _MULTIPART[:-20], content_type="multipart/form-data; boundary=b"),
    post("cookies", b"", headers={"Cookie": 'a=1; b="2"; c'}),
    post("in pieces", b"0123456789", path="/score?how=chunks"),
    post("not read", b"x" * 100_000, path="/score?how=lazily"),
    post("odd headers", b"",
         headers=[("X-A", "1"), ("x-a", "2"), ("X_B", "3"), ("X-C", "h\u00e9")]),
    post("ids", b"", headers={"x-request-id": "a", "TraceId": "b", "x-ms-client-request-id": "c"}),
    post("a long id", b"", headers={"x-request-id": "x" * 101}),
    post("an accept", b"", headers={"Accept": "text/html;q=0.5, application/json"}),
    send("a path with escapes", path="/score?a=%2F&b=%C3%A9&c=+&d=%FF"),
    send("an absolute path", path="http://elsewhere.example:81/score?a=1"),
    send("another host", path="/score"),
    send("swagger", path="/swagger.json"),
    send("swagger 3.1", path="/swagger.json?version=3.1"),
    Sent("chunks", (b"POST /score?how=chunks HTTP/1.1\r\n" + _CHUNKS,)),
    Sent("chunks told", (b"POST /score HTTP/1.1\r\n" + _CHUNKS,)),
    Sent("a body that comes later", (
        b"POST /score HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        b"[1]")),
    Sent("HTTP/1.0", (b"GET /score HTTP/1.0\r\n\r\n",), ("GET",)),
]  # fmt: skip
