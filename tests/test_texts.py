"""Text files in the encodings that editors and shells of all kinds write."""

import codecs
import json

import pytest

from modelship.bundle import Environment, ScoringBundle
from modelship.cli.config import Config
from modelship.documents import DocumentError
from modelship.errors import EntryScriptError, EnvironmentSpecError, InvalidOptionError
from modelship.parity.requests_file import read_requests
from modelship.runtime.variables import as_secrets
from modelship.tables import Schema
from modelship.texts import as_text, python_problem, read_text

MARKED = ("utf-8-sig", "utf-16", "utf-32")
LATIN_1 = "# -*- coding: latin-1 -*-\nname = 'Müller'\n".encode("latin-1")
CP1252 = "a = 1\nname = 'Müller'\n".encode("cp1252")


@pytest.mark.parametrize("encoding", ["utf-8", *MARKED])
def test_a_mark_says_what_follows_it(encoding):
    """It is no part of the text."""
    assert as_text("é\r\n\u20ac".encode(encoding)) == "é\r\n\u20ac"


def test_both_orders_of_bytes_are_read():
    """Windows writes the low byte first."""
    assert as_text(codecs.BOM_UTF16_BE + "aé".encode("utf-16-be")) == "aé"
    assert as_text(codecs.BOM_UTF32_BE + "aé".encode("utf-32-be")) == "aé"


def test_line_breaks_of_a_file_are_newlines(tmp_path):
    """Whatever system wrote it."""
    path = tmp_path / "text"
    path.write_bytes(b"a\r\nb\rc\n")
    assert read_text(path) == "a\nb\nc\n"


def test_an_encoding_can_be_declared():
    """As Python and pip read it; below code, it is a comment."""
    assert "Müller" in as_text(LATIN_1)
    with pytest.raises(DocumentError, match="line 3"):
        as_text(b"a = 1\n" + LATIN_1)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (CP1252, r"line 2 holds the byte 0xFC, which is not UTF-8 \('ü' in Windows-1252\)"),
        ("ab".encode("utf-16-le"), "it holds NUL bytes, as UTF-16 without a byte order mark"),
        (b"# coding: klingon\n\xfc", "it declares the encoding 'klingon', which is not known"),
        (codecs.BOM_UTF16_LE + b"abc", "it begins as a text in UTF-16-LE, and cannot be decoded"),
    ],
)
def test_an_undeclared_encoding_is_not_guessed(content, problem):
    """The message names what was found, and its line."""
    with pytest.raises(DocumentError, match=problem):
        as_text(content)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (LATIN_1, ""),
        (codecs.BOM_UTF8 + b"# coding: utf-8\n", ""),
        (
            codecs.BOM_UTF8 + b"# coding: latin-1\n",
            "it begins with the mark of UTF-8, and declares",
        ),
        (
            codecs.BOM_UTF8 + b"# coding: klingon\n",
            "it begins with the mark of UTF-8, and declares",
        ),
        (CP1252, "line 2 holds the byte 0xFC"),
        ("a = 1".encode("utf-16"), "it is UTF-16 text, and Python reads UTF-8"),
    ],
)
def test_python_reads_fewer_encodings(content, problem):
    """A service runs the file as it is."""
    assert python_problem(content).startswith(problem)
    assert bool(problem) == bool(python_problem(content))


@pytest.mark.parametrize("encoding", MARKED)
def test_every_text_file_is_read_with_a_mark(tmp_path, encoding):
    """Those that PowerShell and Notepad write too."""
    texts = {
        "requirements.txt": "six>=1.16\r\n# ü\r\n",
        "myenv.yml": "dependencies:\r\n- python=3.11\r\n- six>=1.16  # ü\r\n",
        "modelship.yaml": "description: ü\r\n",
        "requests.jsonl": '{"data": ["ü"]}\r\n{"data": []}\r\n',
        "secret": "hüsh\r\n",
        "schema.json": Schema(form="array", width=3).to_json(),
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text.encode(encoding))
    for name in ("requirements.txt", "myenv.yml"):
        assert "six>=1.16" in Environment.read(tmp_path / name).requirements
    assert Config.find(tmp_path / "modelship.yaml").description == "ü"
    assert [json.loads(each.body) for each in read_requests(tmp_path / "requests.jsonl")] == [
        *({"data": ["ü"]}, {"data": []}),
    ]
    assert as_secrets({"KEY": f"file:{tmp_path / 'secret'}"}, beside={})["KEY"].value == "hüsh"
    assert Schema.read(tmp_path / "schema.json").width == 3


def test_what_cannot_be_read_is_an_error_with_a_remedy(tmp_path):
    """Of a secret, nothing is shown."""
    for name in ("requirements.txt", "myenv.yml", "secret", "score.py"):
        (tmp_path / name).write_bytes(CP1252)
    for name in ("requirements.txt", "myenv.yml"):
        with pytest.raises(EnvironmentSpecError, match="line 2 holds the byte 0xFC") as caught:
            Environment.read(tmp_path / name)
        assert "UTF-8" in caught.value.hint
    with pytest.raises(EntryScriptError, match="line 2 holds the byte 0xFC"):
        ScoringBundle([], entry_script=tmp_path / "score.py", environment=["six"])
    with pytest.raises(InvalidOptionError, match="not UTF-8 text") as hidden:
        as_secrets({"KEY": f"file:{tmp_path / 'secret'}"}, beside={})
    assert "ü" not in str(hidden.value)
    assert "0xFC" not in str(hidden.value)
