"""Raw HTTP exchanges, most of them hostile, and what must hold for each.

Each is sent as it is, and again in small pieces. A script takes note of the bodies that it sees: a
body that it should not have seen got through, whatever the client was told.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

__all__ = ["EXCHANGES", "Exchange"]

_HOST = b"Host: localhost\r\n"
_POST = b"POST /score HTTP/1.1\r\n" + _HOST
_GET = b"GET / HTTP/1.1\r\n" + _HOST
_CHUNKED = _POST + b"Transfer-Encoding: chunked\r\n"
_H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
_SOCKET = (
    b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: " + base64.b64encode(bytes(16)) + b"\r\n"
)


@dataclass(frozen=True)
class Exchange:
    """What is sent on one connection, and what comes of it.

    Parameters
    ----------
    label : str
        What it is called.
    parts : tuple[bytes, ...]
        What is sent; the server has read each part before the next one is sent.
    statuses : tuple[int, ...]
        Of the answers, in order.
    bodies : tuple[bytes, ...]
        The bodies that the script sees.
    stays : bool
        Whether the connection stays open for another request.
    ends : str
        ``"half"`` if the client then says that no more comes, ``"all"`` if it leaves.
    """

    label: str
    parts: tuple[bytes, ...]
    statuses: tuple[int, ...] = (400,)
    bodies: tuple[bytes, ...] = ()
    stays: bool = False
    ends: str = ""


def _post(body: bytes, *, more: bytes = b"", target: bytes = b"/score") -> bytes:
    head = b"POST %b HTTP/1.1\r\n" % target + _HOST + more
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _scored(label: str, *parts: bytes, bodies: tuple[bytes, ...], **options) -> Exchange:
    statuses = options.pop("statuses", (200,) * len(bodies))
    stays = options.pop("stays", True)
    return Exchange(label, parts, statuses, bodies, stays=stays, **options)


def _refused(label: str, *parts: bytes, status: int = 400, **options) -> Exchange:
    return Exchange(label, parts, (status,), **options)


HIDDEN = _post(b"hidden")
"""A request that lies in the body of another one."""

_LENGTHS = [
    _refused("two lengths", _POST + b"Content-Length: 3\r\nContent-Length: 60\r\n\r\nabc" + HIDDEN),
    _refused("the same length twice",
             _POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" + HIDDEN),
    _refused("two lengths in one field", _POST + b"Content-Length: 3, 60\r\n\r\nabc" + HIDDEN),
    _refused("a length with a sign", _POST + b"Content-Length: +3\r\n\r\nabc" + HIDDEN),
    _refused("a negative length", _POST + b"Content-Length: -3\r\n\r\nabc" + HIDDEN),
    _refused("a length in hexadecimal", _POST + b"Content-Length: 0x3\r\n\r\nabc" + HIDDEN),
    _refused("a length with a space in it", _POST + b"Content-Length: 3 0\r\n\r\nabc" + HIDDEN),
    _refused("a length with a letter", _POST + b"Content-Length: 3a\r\n\r\nabc" + HIDDEN),
    _refused("no digits in a length", _POST + b"Content-Length: \r\n\r\nabc" + HIDDEN),
    _refused("a length beyond 64 bits",
             _POST + b"Content-Length: 18446744073709551619\r\n\r\nabc" + HIDDEN),
    _refused("a length beyond any limit", _POST + b"Content-Length: 9999999999999\r\n\r\nabc",
             status=413),
    _refused("a space before the colon of a length",
             _POST + b"Content-Length : 3\r\n\r\nabc" + HIDDEN),
    _refused("a tab before the colon of a length",
             _POST + b"Content-Length\t: 3\r\n\r\nabc" + HIDDEN),
    _scored("spaces around a length", _POST + b"Content-Length: \t3 \t\r\n\r\nabc",
            bodies=(b"abc",)),
    _scored("zeros before a length", _POST + b"Content-Length: 003\r\n\r\nabc", bodies=(b"abc",)),
    _scored("a length of nothing", _POST + b"Content-Length: 0\r\n\r\n", bodies=(b"",)),
    _scored("no length", _POST + b"\r\n", bodies=(b"",)),
    _scored("a length with an underscore is none",
            _POST + b"Content_Length: 60\r\nContent-Length: 3\r\n\r\nabc", bodies=(b"abc",)),
    _scored("a body that looks like a request", _post(HIDDEN), bodies=(HIDDEN,)),
]  # fmt: skip

_ENCODINGS = [
    _refused("a length and chunks", _CHUNKED + b"Content-Length: 3\r\n\r\n0\r\n\r\n" + HIDDEN),
    _refused("chunks and a length",
             _POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    _refused("an encoding in other letters, and a length",
             _POST + b"Content-Length: 6\r\ntRANSFER-eNCODING: cHUNKED\r\n\r\n0\r\n\r\n" + HIDDEN),
    _refused("xchunked", _POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    _refused("chunked, and then another encoding",
             _POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN),
    _refused("identity", _POST + b"Transfer-Encoding: identity\r\n\r\nabc" + HIDDEN),
    _refused("chunked in quotes", _POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n'),
    _refused("chunked behind a vertical tab",
             _POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    _refused("a space before the colon of an encoding",
             _POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    _refused("an encoding on a folded line",
             _POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    _refused("an encoding behind a lone line feed",
             _POST + b"X-A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    _refused("an encoding behind a lone carriage return",
             _POST + b"X-A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    _refused("two encodings, the last one unknown",
             _CHUNKED + b"Transfer-Encoding: x\r\n\r\n0\r\n\r\n" + HIDDEN),
    _refused("chunks of HTTP/1.0",
             b"POST /score HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    _scored("an encoding with an underscore is none",
            _POST + b"Transfer_Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
            bodies=(b"abc",)),
    _scored("chunks", _CHUNKED + b"\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" + _post(b"f"),
            bodies=(b"abcde", b"f")),
]  # fmt: skip

_CHUNKS = [
    _refused("a chunk size that is none", _CHUNKED + b"\r\nxyz\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    _refused("a chunk size with a sign", _CHUNKED + b"\r\n+3\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    _refused("a chunk size with 0x", _CHUNKED + b"\r\n0x3\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    _refused("a chunk size beyond 64 bits",
             _CHUNKED + b"\r\n10000000000000003\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    _refused("no chunk size", _CHUNKED + b"\r\n\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    _refused("a chunk that is longer than it says",
             _CHUNKED + b"\r\n2\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    _refused("a space behind a chunk size", _CHUNKED + b"\r\n3 \r\nabc\r\n0\r\n\r\n" + HIDDEN),
    _refused("a line feed alone behind a chunk size",
             _CHUNKED + b"\r\n3\nabc\r\n0\r\n\r\n" + HIDDEN),
    _refused("a line feed alone behind a chunk", _CHUNKED + b"\r\n3\r\nabc\n0\r\n\r\n" + HIDDEN),
    _refused("a line feed in an extension",
             _CHUNKED + b"\r\n3;a\nb\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    _refused("two megabytes of an extension",
             _CHUNKED + b"\r\n3;" + b"a" * (2 << 20) + b"\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    _refused("two megabytes of a trailer",
             _CHUNKED + b"\r\n3\r\nabc\r\n0\r\nX-A: " + b"a" * (2 << 20) + b"\r\n\r\n" + HIDDEN),
    _scored("an extension", _CHUNKED + b'\r\n3;a=b;c="d"\r\nabc\r\n0\r\n\r\n', bodies=(b"abc",)),
    _refused("a trailer that would be a length",
             _CHUNKED + b"\r\n3\r\nabc\r\n0\r\nContent-Length: 60\r\n\r\n" + HIDDEN),
    _scored("a trailer that would be a key",
            _CHUNKED + b"\r\n3\r\nabc\r\n0\r\nAuthorization: Bearer key\r\n\r\n", bodies=(b"abc",)),
    _scored("zeros before a chunk size", _CHUNKED + b"\r\n0003\r\nabc\r\n000\r\n\r\n",
            bodies=(b"abc",)),
    _refused("a trailer with a folded line",
             _CHUNKED + b"\r\n3\r\nabc\r\n0\r\nX-A: b\r\n c\r\n\r\n" + HIDDEN),
]  # fmt: skip

_HEADS = [
    _refused("line feeds alone",
             b"POST /score HTTP/1.1\nHost: localhost\nContent-Length: 3\n\nabc" + HIDDEN),
    _refused("a folded line", _POST + b"X-A: b\r\n c\r\nContent-Length: 3\r\n\r\nabc"),
    _refused("a folded line first",
             b"POST /score HTTP/1.1\r\n X-A: b\r\n" + _HOST + b"\r\n" + HIDDEN),
    _refused("a zero in a value", _POST + b"X-A: b\0c\r\nContent-Length: 3\r\n\r\nabc"),
    _refused("a zero in a name", _POST + b"X-\0A: b\r\nContent-Length: 3\r\n\r\nabc"),
    _refused("a zero in the target", b"POST /score\0 HTTP/1.1\r\n" + _HOST + b"\r\n" + HIDDEN),
    _refused("an id with a carriage return",
             _POST + b"x-ms-request-id: a\rx-forged: b\r\nContent-Length: 3\r\n\r\nabc"),
    _refused("an id with an escape",
             _POST + b"x-ms-request-id: a\x1b[2J\r\nContent-Length: 3\r\n\r\nabc"),
    _refused("no colon", _POST + b"X-A\r\nContent-Length: 3\r\n\r\nabc" + HIDDEN),
    _refused("a name that is none", _POST + b"X(A): b\r\nContent-Length: 3\r\n\r\nabc"),
    _refused("two hosts", _POST + b"Host: other\r\nContent-Length: 3\r\n\r\nabc"),
    _refused("a target of 5,000 bytes", b"POST /score?" + b"a" * 5000 + b" HTTP/1.1\r\n" + _HOST
             + b"Content-Length: 3\r\n\r\nabc", status=414),
    _refused("a value of 9,000 bytes", _post(b"abc", more=b"X-A: " + b"a" * 9000 + b"\r\n"),
             status=431),
    _refused("200 headers", _post(b"abc", more=b"".join(b"X-%d: a\r\n" % n for n in range(200))),
             status=431),
    _refused("a head without end", _POST + b"X-A: " + b"a" * 70_000, status=431),
    _refused("a target without end", b"POST /" + b"a" * 70_000, status=431),
    _refused("a method that is none", b"EVIL /score HTTP/1.1\r\n" + _HOST + b"\r\n" + HIDDEN),
    _refused("a method of 40 letters", b"A" * 40 + b" /score HTTP/1.1\r\n" + _HOST + b"\r\n"),
    _refused("HTTP/1.2", b"POST /score HTTP/1.2\r\n" + _HOST + b"Content-Length: 3\r\n\r\nabc"),
    _refused("HTTP/3.0", b"POST /score HTTP/3.0\r\n" + _HOST + b"Content-Length: 3\r\n\r\nabc"),
    _refused("a preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN),
    _refused("TLS", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(150)),
    _refused("a word", b"hello\r\n\r\n"),
    _scored("empty lines first", b"\r\n\r\n\r\n" + _post(b"abc"), bodies=(b"abc",)),
]  # fmt: skip

_TARGETS = [
    *(
        _scored(f"the target {target.decode()}", _post(b"abc", target=target), bodies=(b"abc",))
        for target in (
            *(b"/score?x=1", b"//score", b"///score", b"/%73core", b"/score?", b"/score#a"),
            *(b"http://localhost/score", b"http://other.example/score?x=1"),
        )
    ),
    *(
        Exchange(f"the target {target.decode()}", (_post(b"abc", target=target),), (404,))
        for target in (
            *(b"/score/", b"/score%2e", b"/./score", b"/x/../score", b"/score%00", b"/SCORE"),
            *(b"/score;x", b"/score%0d%0aX-A:%20b"),
        )
    ),
    Exchange("PUT", (b"PUT" + _post(b"abc")[4:] + HIDDEN,), (405,)),
    Exchange("POST to health", (_post(HIDDEN, target=b"/") + HIDDEN,), (405,)),
    Exchange("GET with a body to health", (_GET + b"Content-Length: 66\r\n\r\n", HIDDEN), (200,)),
    Exchange("PUT without a body", (b"PUT /score HTTP/1.1\r\n" + _HOST + b"\r\n",), (405,),
             stays=True),
    _scored("GET with a body", b"GET" + _post(b"abc")[4:], bodies=(b"{}",)),
    Exchange("CONNECT", (b"CONNECT /score HTTP/1.1\r\n" + _HOST + b"\r\n" + HIDDEN,), (405,)),
    _refused("CONNECT to a host", b"CONNECT a:1 HTTP/1.1\r\n" + _HOST + b"\r\n" + HIDDEN),
    _refused("CONNECT with a body",
             b"CONNECT a:1 HTTP/1.1\r\n" + _HOST + b"Content-Length: 66\r\n\r\n", HIDDEN),
]  # fmt: skip

_UPGRADES = [
    exchange
    for name, wish in (("h2c", _H2C), ("a websocket", _SOCKET))
    for exchange in (
        _scored(f"{name}, the body at once", _post(HIDDEN, more=wish), bodies=(HIDDEN,)),
        _scored(f"{name}, the body later",
                _post(HIDDEN, more=wish)[: -len(HIDDEN)], HIDDEN, bodies=(HIDDEN,)),
        _scored(f"{name}, the head in parts", _POST + wish[:30],
                wish[30:] + b"Content-Length: 3\r\n\r\na", b"bc", bodies=(b"abc",)),
        _scored(f"{name}, chunks later", _CHUNKED + wish + b"\r\n", b"3\r\nabc\r\n",
                b"0\r\n\r\n", bodies=(b"abc",)),
        _scored(f"{name}, expecting", _post(b"abc", more=wish + b"Expect: 100-continue\r\n")[:-3],
                b"abc", statuses=(100, 200), bodies=(b"abc",)),
        _scored(f"{name}, three times", _post(b"a", more=wish) * 3, bodies=(b"a",) * 3),
        Exchange(f"{name} for health, and another request",
                 (_GET + wish + b"\r\n" + _post(b"abc"),), (200, 200), (b"abc",), stays=True),
        Exchange(f"{name} where no body is read",
                 (_post(HIDDEN, more=wish, target=b"/swagger.json")[: -len(HIDDEN)], HIDDEN),
                 (405,)),
        _refused(f"{name}, two lengths",
                 _POST + wish + b"Content-Length: 3\r\nContent-Length: 60\r\n\r\nabc" + HIDDEN),
    )
]  # fmt: skip

_CONNECTIONS = [
    _scored("three at once", _post(b"a") + _post(b"b") + _post(b"c"), bodies=(b"a", b"b", b"c")),
    _scored("fifty at once", _post(b"a") * 50, bodies=(b"a",) * 50),
    _scored("expecting", _post(b"abc", more=b"Expect: 100-continue\r\n")[:-3], b"abc",
            statuses=(100, 200), bodies=(b"abc",)),
    _scored("expecting behind another one",
            _post(b"a") + _post(b"abc", more=b"Expect: 100-continue\r\n")[:-3], b"abc",
            statuses=(200, 100, 200), bodies=(b"a", b"abc")),
    _refused("expecting too much", _POST + b"Expect: 100-continue\r\nContent-Length: 9999999999"
             b"\r\n\r\n", status=413),
    _scored("behind the last one", _post(b"a", more=b"Connection: close\r\n") + HIDDEN,
            bodies=(b"a",), stays=False),
    _scored("behind one of HTTP/1.0",
            b"POST /score HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na"
            + HIDDEN, bodies=(b"a",), stays=False),
    _scored("garbage behind a good one", _post(b"a") + b"garbage\r\n\r\n" + HIDDEN,
            statuses=(200, 400), bodies=(b"a",), stays=False),
    _scored("a bad one behind a good one",
            _post(b"a") + _POST + b"Content-Length: x\r\n\r\n" + HIDDEN,
            statuses=(200, 400), bodies=(b"a",), stays=False),
    _scored("a client that says that no more comes", _post(b"a") + _post(b"b"), ends="half",
            bodies=(b"a", b"b"), stays=False),
    _scored("half a request at the end", _post(b"a") + _post(b"hidden")[:-2], ends="half",
            bodies=(b"a",), stays=False),
    _scored("half a head at the end", _post(b"a") + _POST, ends="half", bodies=(b"a",),
            stays=False),
    Exchange("half a body", (_post(b"hidden")[:-2],), (), ends="half"),
    Exchange("half of the chunks", (_CHUNKED + b"\r\n6\r\nhidden\r\n",), (), ends="half"),
    Exchange("a client that leaves", (_post(b"hidden")[:-2],), (), ends="all"),
    Exchange("nothing", (b"\r\n",), (), ends="half"),
]  # fmt: skip

EXCHANGES = [
    *_LENGTHS, *_ENCODINGS, *_CHUNKS, *_HEADS, *_TARGETS, *_UPGRADES, *_CONNECTIONS,
]  # fmt: skip

NOTHING = 0
REFERENCE = {
    label: (status, why)
    for status, why, labels in (
        (500, "The request is at fault, and not the service.", (
            *(each.label for each in _CHUNKS if each.statuses == (400,)
              and each.label != "a chunk size beyond 64 bits"),
            "a trailer that would be a key",
        )),
        (501, "To the parser it is no HTTP.", (
            "xchunked", "chunked in quotes", "two encodings, the last one unknown",
        )),
        (400, "RFC 9110 lets a server ignore a wish for another protocol.", (
            *(each.label for each in _UPGRADES
              if each.label.startswith("a websocket") and each.statuses not in {(400,), (405,)}),
        )),
        (400, "RFC 9112 wants that empty lines before a request are ignored.", (
            "empty lines first",
        )),
        (405, "The parser knows the methods that are registered.", ("a method that is none",)),
        (404, "A target that is only a host is for proxies.", (
            "CONNECT to a host", "CONNECT with a body",
        )),
        (414, "A head that is too large is one thing, whatever part of it is.", (
            "a target without end",
        )),
        (NOTHING, "It waits for what never comes, or calls run() with what has come.", (
            "a length beyond 64 bits", "a length beyond any limit", "expecting too much",
            "a chunk size beyond 64 bits", "a head without end", "TLS", "HTTP/1.2",
            "behind one of HTTP/1.0", "half a body", "half of the chunks", "a client that leaves",
        )),
    )
    for label in labels
}  # fmt: skip
"""The first status of azmlinfsrv 1.5.1 where it is another one than ours, and why."""
