"""What no HTTP library sends: requests as bytes, right and wrong."""

from __future__ import annotations

from differential.wire import Sent

__all__ = ["WIRE"]

_HOST = b"Host: localhost\r\n"
_POST = b"POST /score HTTP/1.1\r\n" + _HOST + b"Content-Type: application/json\r\n"
_GET = b"GET /score?a=1 HTTP/1.1\r\n" + _HOST
_CHUNKED = _POST + b"Transfer-Encoding: chunked\r\n"


def _raw(label: str, *parts: bytes, methods=("POST",), **options) -> Sent:
    return Sent(label, parts, methods, **options)


def _chunks(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks) + b"0\r\n\r\n"


_BODIES = [
    _raw("chunks", _CHUNKED + b"\r\n" + _chunks(b"[1,", b" 2]")),
    _raw("one empty chunk", _CHUNKED + b"\r\n" + _chunks()),
    _raw("a chunk with an extension", _CHUNKED + b"\r\n3;a=b\r\n[1]\r\n0\r\n\r\n"),
    _raw("a trailer", _CHUNKED + b"\r\n3\r\n[1]\r\n0\r\nX-A: b\r\n\r\n"),
    _raw("a character over two chunks", _CHUNKED + b"\r\n" + _chunks(b"h\xc3", b"\xa9")),
    _raw("capital chunk sizes", _CHUNKED + b"\r\nA\r\n0123456789\r\n0\r\n\r\n"),
    _raw("a bad chunk size", _CHUNKED + b"\r\nxyz\r\n[1]\r\n0\r\n\r\n"),
    _raw("a negative chunk size", _CHUNKED + b"\r\n-3\r\n[1]\r\n0\r\n\r\n"),
    _raw("a chunk that is too long", _CHUNKED + b"\r\n2\r\n[1]\r\n0\r\n\r\n"),
    _raw("chunks that end early", _CHUNKED + b"\r\n3\r\n[1]\r\n", half_closes=True),
    _raw("chunks and a length", _CHUNKED + b"Content-Length: 3\r\n\r\n" + _chunks(b"[1]")),
    _raw("an unknown transfer encoding", _POST + b"Transfer-Encoding: odd\r\n\r\n[1]"),
    _raw("gzip and chunked", _POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + _chunks(b"[1]")),
    _raw("chunked twice", _POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + _chunks(b"[1]")),
    _raw("no length", _POST + b"\r\n"),
    _raw("no length, but a body", _POST + b"\r\n[1]", half_closes=True),
    _raw("a length that is too long", _POST + b"Content-Length: 9\r\n\r\n[1]", half_closes=True),
    _raw("a length that is too short", _POST + b"Content-Length: 2\r\n\r\n[1]"),
    _raw("a negative length", _POST + b"Content-Length: -1\r\n\r\n[1]"),
    _raw("a length with a plus", _POST + b"Content-Length: +3\r\n\r\n[1]"),
    _raw("a length that is a word", _POST + b"Content-Length: three\r\n\r\n[1]"),
    _raw("an empty length", _POST + b"Content-Length:\r\n\r\n[1]"),
    _raw("a huge length", _POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n[1]",
         half_closes=True),
    _raw("the same length twice", _POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n[1]"),
    _raw("two lengths", _POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n[1]"),
    _raw("two lengths in one", _POST + b"Content-Length: 3, 3\r\n\r\n[1]"),
    _raw("a body that comes later", _POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
         b"[1]"),
    _raw("an expected body that is there",
         _POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n[1]"),
    _raw("an expectation in capitals",
         _POST + b"EXPECT: 100-Continue\r\nContent-Length: 3\r\n\r\n[1]"),
    _raw("another expectation", _POST + b"Expect: the-moon\r\nContent-Length: 3\r\n\r\n[1]"),
    _raw("an expectation without a body", _GET + b"Expect: 100-continue\r\n\r\n", methods=("GET",)),
    _raw("an expectation of chunks", _CHUNKED + b"Expect: 100-continue\r\n\r\n", _chunks(b"[1]")),
    _raw("an expectation at a bad path",
         b"POST /nothing HTTP/1.1\r\n" + _HOST +
         b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"
         b"[1]"),
    _raw("GET with chunks", _GET + b"Transfer-Encoding: chunked\r\n\r\n" + _chunks(b"[1]"),
         methods=("GET",)),
]  # fmt: skip

_LINES = [
    _raw("HTTP/1.0", b"GET /score?a=1 HTTP/1.0\r\n\r\n", methods=("GET",)),
    _raw("HTTP/1.0 with a body",
         b"POST /score HTTP/1.0\r\nContent-Length: 3\r\n\r\n[1]"),
    _raw("HTTP/1.0 kept alive",
         b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", methods=("GET",)),
    _raw("HTTP/1.0 in chunks",
         b"POST /score HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + _chunks(b"[1]")),
    _raw("no host", b"GET / HTTP/1.1\r\n\r\n", methods=("GET",)),
    _raw("two hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", methods=("GET",)),
    _raw("an empty host", b"GET / HTTP/1.1\r\nHost:\r\n\r\n", methods=("GET",)),
    _raw("a bad host", b"GET / HTTP/1.1\r\nHost: a b/c@d\r\n\r\n", methods=("GET",)),
    _raw("HTTP/0.9", b"GET /\r\n", methods=("GET",), half_closes=True),
    _raw("HTTP/2.0", b"GET / HTTP/2.0\r\n" + _HOST + b"\r\n", methods=("GET",)),
    _raw("HTTP/1.2", b"GET / HTTP/1.2\r\n" + _HOST + b"\r\n", methods=("GET",)),
    _raw("HTTP/9", b"GET / HTTP/9\r\n" + _HOST + b"\r\n", methods=("GET",)),
    _raw("http in small", b"GET / http/1.1\r\n" + _HOST + b"\r\n", methods=("GET",)),
    _raw("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", methods=("GET",)),
    _raw("TLS", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", methods=("GET",), half_closes=True),
    _raw("no version", b"GET /score\r\n" + _HOST + b"\r\n", methods=("GET",)),
    _raw("nothing", b"\r\n\r\n", methods=("GET",), half_closes=True),
    _raw("an empty line first", b"\r\nGET / HTTP/1.1\r\n" + _HOST + b"\r\n", methods=("GET",)),
    _raw("words", b"what is this\r\n\r\n", methods=("GET",)),
    _raw("a method with a bracket", b"GE(T / HTTP/1.1\r\n" + _HOST + b"\r\n", methods=("GET",)),
    _raw("a very long method", b"A" * 40 + b" / HTTP/1.1\r\n" + _HOST + b"\r\n", methods=("GET",)),
    _raw("two spaces", b"GET  / HTTP/1.1\r\n" + _HOST + b"\r\n", methods=("GET",)),
    _raw("a space in the path", b"GET /a b HTTP/1.1\r\n" + _HOST + b"\r\n", methods=("GET",)),
    _raw("no path", b"GET HTTP/1.1\r\n" + _HOST + b"\r\n", methods=("GET",)),
    _raw("line feeds alone", b"GET / HTTP/1.1\nHost: localhost\n\n", methods=("GET",)),
    _raw("a byte of zero in the path", b"GET /\x00 HTTP/1.1\r\n" + _HOST + b"\r\n",
         methods=("GET",)),
    *(_raw(f"a request line of {length} bytes",
           b"GET /score?a=" + b"1" * (length - 22) + b" HTTP/1.1\r\n" + _HOST + b"\r\n",
           methods=("GET",)) for length in (4000, 4094, 4095, 4096, 5000, 70_000)),
]  # fmt: skip


def _with(label: str, header: bytes, **options) -> Sent:
    return _raw(label, _GET + header + b"\r\n", methods=("GET",), **options)


_FIELDS = [
    *(_with(f"a header field of {length} bytes", b"X-A: " + b"a" * (length - 7) + b"\r\n")
      for length in (8000, 8190, 8191, 8192, 9000, 70_000)),
    *(_with(f"{count} header fields", b"".join(b"X-%d: a\r\n" % n for n in range(count - 1)))
      for count in (99, 100, 101, 200)),
    _with("a name of no token", b"X A: b\r\n"),
    _with("a space before the colon", b"X-A : b\r\n"),
    _with("no colon", b"X-A\r\n"),
    _with("an empty name", b": b\r\n"),
    _with("a folded value", b"X-A: b\r\n c\r\n"),
    _with("a byte of zero in a value", b"X-A: b\x00c\r\n"),
    _with("a carriage return in a value", b"X-A: b\rc\r\n"),
    _with("a line feed in a value", b"X-A: b\nX-B: c\r\n"),
    _with("UTF-8 in a value", "x-request-id: h\u00e9\r\n".encode()),
    _with("latin in a value", b"x-request-id: h\xe9\r\n"),
    _with("other bytes in a value", b"x-request-id: a\x01\x7f\xff\r\n"),
    _with("a name in other bytes", b"X-\xe9: b\r\n"),
    _with("an underscore in a name", b"X_A: b\r\n"),
    _with("spaces around a value", b"x-request-id:   a  \r\n"),
    _with("no space before a value", b"x-request-id:a\r\n"),
]  # fmt: skip

_MANY = [
    _raw("two at once", _GET + b"\r\n" + _GET + b"\r\n", methods=("GET", "GET")),
    _raw("two posts at once", (_POST + b"Content-Length: 3\r\n\r\n[1]") * 2,
         methods=("POST", "POST")),
    _raw("one after the other", _GET + b"\r\n", _GET + b"\r\n", methods=("GET", "GET")),
    _raw("one after a bad one", b"GET /nothing HTTP/1.1\r\n" + _HOST + b"\r\n" + _GET + b"\r\n",
         methods=("GET", "GET")),
    _raw("one after HEAD", b"HEAD / HTTP/1.1\r\n" + _HOST + b"\r\n" + _GET + b"\r\n",
         methods=("HEAD", "GET")),
    _raw("one after closing", _GET + b"Connection: close\r\n\r\n" + _GET + b"\r\n",
         methods=("GET", "GET")),
    _raw("a client that says no more", _GET + b"\r\n", methods=("GET",), half_closes=True),
    _raw("a head that ends early", b"GET /score HTTP/1.1\r\nHos", methods=("GET",),
         half_closes=True),
]  # fmt: skip

WIRE = [*_BODIES, *_LINES, *_FIELDS, *_MANY]
