"""Requests to the decorated scripts."""

from __future__ import annotations

import json

from differential.wire import post, send

__all__ = ["MIXED", "TYPED"]

_ROW = [1.5, 2, -3e5]
_ARRAYS = {
    "one row": [_ROW], "two rows": [_ROW, _ROW], "no rows": [], "a flat row": _ROW,
    "rows of two": [[1, 2]], "rows of four": [[1, 2, 3, 4]], "three dimensions": [[_ROW]],
    "ragged": [_ROW, [1]], "a number": 1, "null": None, "a text": "abc", "an object": {"a": 1},
    "texts of numbers": [["1", "2.5", "1e3"]], "texts": [["a", "b", "c"]],
    "nulls": [[None, 1, 2]], "booleans": [[True, False, 1]], "integers": [[1, 2, 3]],
    "big integers": [[2**53 + 1, 2**63, 2**64]], "huge integers": [[10**30, 1, 2]],
    "beyond all": [[10**400, 1, 2]], "objects": [[{}, 1, 2]], "empty rows": [[], []],
    "a row in a row": [[[1], [2], [3]]], "a null row": [None],
}  # fmt: skip
_NUMBERS = (
    "1", "-0", "-0.0", "0.1", "1e5", "1E+05", "1e-400", "1e400", "-1e400", "5e-324", "2.5e-324",
    "1.7976931348623157e308", "1.7976931348623159e308", "0.1000000000000000055511151231257827",
    "9007199254740993", "9007199254740993.0", "18446744073709551616",
    "123456789012345678901234567890",
    "2.2250738585072011e-308", "NaN", "Infinity", "-Infinity", "nan", "+1", "01", ".5", "1.", "1e",
    "0x1", "1_0", "--1", "true", "null", '"1"', "1 2", "1,", "- 1", "1.0E-2", "\u0661",
)  # fmt: skip
_TEXTS = {
    "an empty body": "", "spaces": "  ", "null": "null", "a list": "[1]", "a number": "1",
    "a text": '"a"', "no JSON": "{", "a stray comma": '{"data": [[1,2,3],]}',
    "after it": '{"data": [[1,2,3]]} x', "a second": '{"data": [[1,2,3]]}{}',
    "spaces around": ' \t\r\n {"data" : [ [ 1 , 2,3 ] ] } \n',
    "another space": '{"data":\u00a0[[1,2,3]]}',
    "same keys": '{"data": [[1,2,3]], "data": [[4,5,6]]}',
    "an escaped key": '{"d\\u0061ta": [[1,2,3]]}',
    "other keys": '{"data": [[1,2,3]], "more": {"x": [1, "\\ud800"]}}',
    "no such key": '{"Data": [[1,2,3]]}',
    "no key": "{}", "a comment": '{"data": [[1,2,3]]} // x', "single quotes": "{'data': [[1,2,3]]}",
    "a control character": '{"data": [[1,2,3]], "a": "\t"}',
    "a zero": '{"data": [[1,2,3]], "a": "\0"}',
    "a byte order mark": '\ufeff{"data": [[1,2,3]]}',
    "deep": '{"data": ' + "[" * 600 + "]" * 600 + "}",
    "very deep": '{"data": ' + "[" * 5000 + "]" * 5000 + "}",
    "deep elsewhere": '{"data": [[1,2,3]], "x": ' + "[" * 600 + "]" * 600 + "}",
    "bad elsewhere": '{"data": [[1,2,3]], "x": nul}',
    "NaN elsewhere": '{"data": [[1,2,3]], "x": NaN}',
    "a bad escape": '{"data": [[1,2,3]], "x": "\\x"}',
    "a lone surrogate": '{"data": [[1,2,3]], "\\udc00": 1}',
    "a long integer elsewhere": '{"data": [[1,2,3]], "x": ' + "1" * 5000 + "}",
}  # fmt: skip
_KINDS = (
    None, "", "text/plain", "application/json; charset=utf-8", "application/json; charset=utf-16",
    "APPLICATION/JSON", "application/vnd.x+json", "application/xjson",
    "application/json, text/plain",
    "application/x-www-form-urlencoded", "application/jsonl", "text/json", " application/json ",
    "application/+json", "a/b+JSON",
)  # fmt: skip
_ENCODED = json.dumps({"data": [_ROW], "x": "\u00e9"}, ensure_ascii=False)

TYPED = [
    *(post(label, {"data": value}) for label, value in _ARRAYS.items()),
    *(post(f"the number {each}", f'{{"data": [[{each}, 1, 2]]}}'.encode()) for each in _NUMBERS),
    *(post(label, text.encode()) for label, text in _TEXTS.items()),
    *(post(f"as {each!r}", {"data": [_ROW]}, content_type=each) for each in _KINDS),
    *(post(f"in {each}", _ENCODED.encode(each)) for each in ("utf-8", "utf-8-sig", "utf-16",
      "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "latin-1")),
    post("bytes that are no text", b"\xff\xfe\xfd"),
    post("bad UTF-8 elsewhere", b'{"data": [[1,2,3]], "x": "\xff"}'),
    post("bad UTF-8 in a key", b'{"data": [[1,2,3]], "\xc3": 1}'),
    post("300 rows", {"data": [_ROW] * 300}),
    post("an empty body as text", b"", content_type="text/plain"),
    post("no body, no type", b"", content_type=None),
    send("GET", path="/score?data=[[1,2,3]]"),
    send("GET without a query"),
    send("GET of a text", path="/score?data=abc"),
    send("GET twice", path="/score?data=[1,2,3]&data=[4,5,6]"),
    send("GET with more", path="/score?data=[[1,2,3]]&x=1"),
    send("OPTIONS", method="OPTIONS"),
    send("HEAD", method="HEAD"),
    send("PUT", method="PUT"),
    *(send(f"swagger {each}", path=f"/swagger.json?version={each}")
      for each in ("2", "3", "3.1", "9")),
]  # fmt: skip

_FRAME = [{"a": 1, "b": 0.5, "c": "x"}]
_ARRAY = {"array": [1, 2, 3]}
_PARTS = {
    "frame": [
        _FRAME, [], _FRAME * 2, [{"a": 1}], [{"a": "x", "b": 1, "c": 2}],
        {"a": [1], "b": [2], "c": [3]},
        [[1, 0.5, "x"]], [{**_FRAME[0], "d": 1}], None, "abc", 1, [1], [{"c": "x", "b": 1, "a": 1}],
        [{"a": None, "b": None, "c": None}],
    ],
    "nested": [
        {"array": [[1, 2], [3, 4]]}, {"frame": _FRAME}, {"inner": {"list": [1.5, 2]}}, {"plain": 4},
        {"plain": "x"}, {"array": [1.5], "other": 1}, {}, [], None, 1, {"inner": {"list": ["x"]}},
        {"inner": []}, {"array": [[1, 2]], "frame": _FRAME, "inner": {"list": [0.5]}, "plain": 3},
    ],
    "count": [0, 1, -5, 2**70, 1.0, 1.5, "1", None, True, [1]],
    "ratio": [0.25, 0, 3, True, "0.5", None, 1e308],
    "when": ["2020-01-02", "2020-01-02T03:04:05Z", "yesterday", "", 5, None],
    "bits": ["YWJj", "YWJ", "", "h\u00e9", 5, None],
    "request_headers": [{}, "mine"],
}  # fmt: skip

MIXED = [
    post("the array alone", _ARRAY),
    post("all", {**_ARRAY, "frame": _FRAME, "nested": {"plain": 1}, "count": 2, "ratio": 0.5,
                 "when": "2020-01-02", "bits": "YWJj"}),
    *(post(f"{name} {number}", {**_ARRAY, name: value})
      for name, values in _PARTS.items() for number, value in enumerate(values)),
    *(post(f"the array {label}", {"array": value}) for label, value in {
        "empty": [], "of floats": [1.0, 2.5], "of two dimensions": [[1]], "too large": [2**31],
        "of texts": ["1"], "null": None, "missing no more": [0]}.items()),
    post("no array", {"count": 1}),
    post("an agent", _ARRAY, headers={"User-Agent": "suite"}),
    post("two agents", _ARRAY, headers=[("User-Agent", "a"), ("user-agent", "b")]),
    send("GET", path="/score?array=[1,2]&count=5"),
    send("GET of one", path="/score?array=1&array=2"),
    send("GET without the array", path="/score?count=5"),
    *(send(f"swagger {each}", path=f"/swagger.json?version={each}")
      for each in ("2", "3", "3.1", "")),
]  # fmt: skip
