"""json.loads by orjson: the same values, or the standard library's own answer."""

import io
import json
import math
import pickle
import sys
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelship.server import fast_json

orjson = pytest.importorskip("orjson")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)
NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
# The characters that JSON is made of, and a few that it is not.
SCRAPS = st.text(
    "[]{}:,\"\\/ \t\n\r\x00\x1f+-.eE0123456789truefalsnNaINity'é\ud800\U0001f600\ufeff"
)
LARGE = 10_000
ODD = [
    "-0", "-0.0", "[-0, -0.0, 0e0, -0e-9]", "1e400", "-1e400", "1e-400", "NaN", "-Infinity",
    "[Infinity]", "-NaN", "nan", "1e5", "1E+5", "1.", ".5", "+1", "-", "--1", "0x10", "1_000",
    "01", "-01",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "18446744073709551615", "18446744073709551616", "1" + "0" * 400, "1" * 5000, "[1e19, 1e20]",
    "0.1234567890123456789012345", "1234567890123456789012345.5", "0.00012345678901234567",
    "123456789012345678901234567890e-10", "1e0000000000000000000000005", "0." + "0" * 400 + "1",
    # Subnormals, the least and the largest double, and texts half-way between two doubles.
    "5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "2.2250738585072011e-308",
    "2.2250738585072014e-308", "1.7976931348623157e308", "1.7976931348623158e308", "1.8e308",
    "9007199254740993", "9007199254740993.0", "9007199254740992.99999999999999999999999999",
    "1.00000000000000011102230246251565404236316680908203125",
    "1.00000000000000011102230246251565404236316680908203124",
    "1.00000000000000011102230246251565404236316680908203126",
    "0.500000000000000166533453693773481063544750213623046875", "8.5e22", "1e23", "6.02214076e23",
    '{"a": 1, "b": 2, "a": 3}', '{"a": {"a": 1}, "a": []}', '{"": 0}', "{1: 2}", '{"a"}', '{"a": }',

    "[1,]", '{"a": 1,}', "[,]", "[1 2]", "[1] 2", "[1]]", "{} {}", "", " ", "[", "{", '"', '"\\',
    '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\u00"',
    '"\\x41"', '"\\u0000"',
    '"\t"', '"\n"', '"\x00"', '"\x7f\u2028"', '"\ud800"', "'a'", "\ufeff{}", "{}\ufeff",
    " \t\r\n1\n",
    "\x0c1", "\u00a01", "1\x00", "//1", "[1] // no", "tru", "True", "None", "nul", "falsey",
    '["1234567890123456789012"]', '{"1234567890123456789012": 1}', '["[[[[", "]"]', '"\\"[\\\\"',
    "[" * 99 + "]" * 99, "[" * 101 + "]" * 101, "[" * 1023 + "]" * 1023,
    '{"a":' * 1500 + "1" + "}" * 1500, "[" * 200_000, json.dumps([{"a[": ["]", '"', "\\"]}] * 2000),
    "[[]" + ",{}" * 500 + "]",
    *(f"[{'[],' * 200}{each}" for each in ("1],[2", "]],[[", "1]", "1]]", "", "[1]", "],[]")),
    *("[[], " + "{}," * 200 + each for each in ("]", "1]", "{}]], [[]]", "[" * 900 + "]" * 901)),
]  # fmt: skip


@pytest.fixture(scope="module")
def texts():
    """Have json.loads use orjson in these tests; return how many texts orjson was given."""
    given_texts = SimpleNamespace(count=0)
    own = orjson.loads

    def counted(text):
        given_texts.count += 1
        return own(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json, "_default_decoder", json.JSONDecoder())
        patch.setattr(orjson, "loads", counted)
        fast_json.read_json_with_orjson()
        yield given_texts


def _outcome(function, *arguments, **options):
    """Return what is returned, to the last bit, or the whole error that is raised."""
    try:
        return repr(function(*arguments, **options))
    except (ValueError, RecursionError, TypeError) as error:
        where = [getattr(error, name, None) for name in ("msg", "pos", "lineno", "colno", "doc")]
        return type(error), str(error), where, type(error.__context__)


def _as_by_json(text):
    return _outcome(json.loads, text) == _outcome(_plain_loads, text)


def _plain_loads(text, **options):
    """Do as json.loads, with a decoder that nobody changed."""
    return json.loads(text, cls=json.JSONDecoder, **options)


@settings(max_examples=20)
@given(JSON, st.booleans(), st.sampled_from([None, 2]))
def test_what_json_writes_is_read_alike(texts, value, ascii_only, indent):
    """Types, bits of floats, surrogates and the order of keys are the same."""
    assert _as_by_json(json.dumps(value, ensure_ascii=ascii_only, indent=indent))


@settings(max_examples=20)
@given(st.lists(NUMBERS))
def test_numbers_are_read_alike(texts, numbers):
    """Whatever is written, and however long it is, the same number is read; large texts too."""
    text = f"[{', '.join(numbers)}]"
    assert _as_by_json(text)
    assert _as_by_json(" " * LARGE + text)


@given(SCRAPS)
def test_scraps_are_read_or_refused_alike(texts, text):
    """What is no JSON is refused with the same words at the same place."""
    assert _as_by_json(text)


@settings(max_examples=20)
@given(JSON.map(json.dumps), st.data())
def test_damaged_texts_are_read_or_refused_alike(texts, text, data):
    """So is JSON that has lost a part, or has another one in its place."""
    at, to = sorted(data.draw(st.integers(0, len(text))) for _ in range(2))
    assert _as_by_json(text[:at] + data.draw(SCRAPS.filter(lambda each: len(each) < 4)) + text[to:])


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_known_traps_are_read_or_refused_alike(texts, text):
    """So is each text that the two libraries read in ways of their own, large ones too."""
    assert _as_by_json(text)
    assert _as_by_json(" " * LARGE + text)
    assert _as_by_json(f'[{"1, " * 20_000}{text}, "é"]')


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1"]
)
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_bytes_are_decoded_by_json(texts, encoding, kind):
    """Encodings are found out, or refused, by the standard library."""
    assert _as_by_json(kind('{"é": [1.5]}'.encode(encoding)))


@pytest.mark.parametrize("given", [None, 1, memoryview(b"1"), ["1"], "1".__class__])
def test_what_is_no_text_is_refused_alike(texts, given):
    """So is everything else that a caller may pass."""
    assert _as_by_json(given)


class Text(str):
    """A text of a class of its own."""

    __slots__ = ()


@pytest.mark.parametrize(
    "options",
    [
        {"parse_float": str}, {"parse_int": float}, {"parse_constant": repr}, {"object_hook": repr},
        {"object_pairs_hook": list}, {"strict": False}, {"parse_float": None},
    ],
)  # fmt: skip
def test_options_and_subclasses_go_to_json(texts, options):
    """Hooks are called by the standard library, which reads the subclasses of str, too."""
    text = '{"a": [1, 1.5, NaN], "b": {"a": "\t"}}'
    assert _outcome(json.loads, text, **options) == _outcome(_plain_loads, text, **options)
    texts.count = 0
    assert json.loads(Text("[1]")) == [1]
    assert texts.count == 0


def test_plain_bodies_go_to_orjson(texts):
    """Rows of numbers, records and long fractions are read fast, or nothing is gained."""
    bodies = [
        {"data": [[0.0, 0.00039215686274509805, 1e-7, 255]] * each} for each in (1, 50, 2_000)
    ]
    bodies.append([{"name": 'a "b" [c] \\ {', "age": each, "x": {"y": []}} for each in range(500)])
    for body in bodies:
        texts.count = 0
        assert json.loads(json.dumps(body)) == body
        assert texts.count == 1


def test_numpy_is_not_needed(texts, monkeypatch):
    """A script without it is served the same."""
    monkeypatch.delitem(sys.modules, "numpy", raising=False)
    for text in ODD:
        assert _as_by_json(" " * LARGE + text)


def test_the_function_stays_what_it_is(texts):
    """Whatever a script does with json, before or after, it finds the module as it knows it."""
    script = ModuleType("score")
    exec("import json as j\nfrom json import loads, load", vars(script))
    texts.count = 0
    assert script.loads("[1]") == script.j.loads(s="[1]") == script.load(io.StringIO("[1]")) == [1]
    assert texts.count == 3
    assert script.j is json
    assert pickle.loads(pickle.dumps(script.loads)) is script.loads is json.loads


def test_a_script_may_replace_the_function(texts, monkeypatch):
    """A function that a script puts in its place is the one that is called."""
    monkeypatch.setattr(json, "loads", lambda _: "mine")
    assert json.loads("[1]") == "mine"


@pytest.mark.parametrize("broken", [lambda _: math.nan, lambda _: 1 / 0, json.loads])
def test_an_orjson_that_reads_otherwise_is_not_used(monkeypatch, broken):
    """A release with another mind, or none, leaves json as it is."""
    monkeypatch.setattr(json, "_default_decoder", json.JSONDecoder())
    monkeypatch.setattr(orjson, "loads", broken)
    fast_json.read_json_with_orjson()
    assert "decode" not in vars(json._default_decoder)


def test_without_orjson_json_is_as_it_was(monkeypatch):
    """It is no error that it is missing."""
    monkeypatch.setattr(json, "_default_decoder", json.JSONDecoder())
    monkeypatch.setitem(sys.modules, "orjson", None)
    fast_json.read_json_with_orjson()
    assert "decode" not in vars(json._default_decoder)
