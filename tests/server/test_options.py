"""The one table of settings: the page shows it, the server obeys it, and bad values are refused."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from modelship.runtime import servers
from modelship.server.options import OPTIONS
from modelship.server.settings import Settings

_PAGE = Path(__file__).parents[2] / "docs/reference/scoring-server.md"
_LOCK = Path(__file__).parents[2] / "src/modelship/server/requirements.lock"
_ON_TARGET = [each for each in OPTIONS.values() if each.on_target]


def as_table():
    """Return the settings as a table in Markdown, as the page has it."""
    head = (
        "| option | variable | default | takes | azmlinfsrv | what it is |\n" + "|---" * 6 + "|\n"
    )
    return head + "".join(map(_row, OPTIONS.values()))


def _row(option):
    name = f"`{option.name}`" if option.on_target else "-"
    default = option.shown_default or _shown(option.default)
    known = "yes" if "azmlinfsrv" in option.servers else "no"
    known = "alone" if option.servers == ("azmlinfsrv",) else known
    cells = (name, f"`{option.variable}`", default, option.expected, known, option.what)
    return f"| {' | '.join(cells)} |\n"


def _shown(default):
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"`{default}`" if isinstance(default, str) else str(default)


def test_the_page_has_the_table():
    """The page is made from the table; a setting cannot be added without being told."""
    assert as_table() in _PAGE.read_text()


def test_names_and_variables_are_unique():
    """No two settings share a name or a variable."""
    assert len({each.variable for each in OPTIONS.values()}) == len(OPTIONS)
    assert all(name == each.name for name, each in OPTIONS.items())


@pytest.mark.parametrize("option", _ON_TARGET, ids=[each.name for each in _ON_TARGET])
def test_what_a_target_writes_the_server_reads(option):
    """A value's text is read back as the value, and the default is one of the values."""
    value = {"switch": True, "int": 7, "float": 1.5, "text": "json"}[option.kind]
    assert option.parse(option.text_of(value)) == value
    if option.kind == "int":
        assert option.text_of(2**53 - 1) == str(2**53 - 1)
    if option.default is not None:
        assert option.parse(option.text_of(option.default)) == option.default


@pytest.mark.parametrize("option", _ON_TARGET, ids=[each.name for each in _ON_TARGET])
def test_what_it_cannot_be_is_refused(option):
    """Another type, a number below the least, and a text with a line break are refused."""
    bad = [None, object(), [1], "a\nb", float("nan"), -1]
    bad += [1, "yes"] if option.kind == "switch" else [True]
    bad += [1.5] if option.kind == "int" else []
    for value in bad:
        with pytest.raises(ValueError):
            option.text_of(value)


def _read(monkeypatch, tmp_path, *arguments, **variables):
    monkeypatch.setattr(os, "environ", {"AML_APP_ROOT": str(tmp_path), **variables})
    return Settings.read(["--entry_script", "score.py", *arguments], program="server")


def test_the_defaults_are_those_of_the_table(monkeypatch, tmp_path):
    """Where nothing is given, a setting is what the table says."""
    settings = _read(monkeypatch, tmp_path)
    names = {each.name for each in fields(Settings)} & OPTIONS.keys()
    assert {"queue", "strict", "batch_rows", "drain_s", "host"} <= names
    assert {n: getattr(settings, n) for n in names} == {n: OPTIONS[n].default for n in names}
    assert (settings.body_bytes, settings.bodies_bytes) == (0, 0)  # what the memory allows


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("MODELSHIP_STRICT", "ture", "1 or 0"),
        ("MODELSHIP_LOG_FORMAT", "xml", "'text' or 'json'"),
        ("MODELSHIP_QUEUE", "0", "a whole number of 1 or more"),
        ("MODELSHIP_CPU_CORES", "nan", "a number of 0 or more"),
        ("WORKER_TIMEOUT", "5m", "a whole number of 0 or more"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch, tmp_path, capsys, variable, text, expected):
    """The message has the variable, what was found and what it has to be; the exit code is 1."""
    with pytest.raises(SystemExit) as ended:
        _read(monkeypatch, tmp_path, **{variable: text})
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"{variable} is {text!r}; it must be {expected}.\n"


def test_an_empty_variable_is_none(monkeypatch, tmp_path):
    """Compose files set variables to nothing; ours are as if they were not there."""
    settings = _read(monkeypatch, tmp_path, MODELSHIP_QUEUE="", MODELSHIP_STRICT="")
    assert (settings.queue, settings.strict) == (512, False)


def test_no_worker_timeout_is_for_ever(monkeypatch, tmp_path):
    """0 ends no worker, as with Azure ML's server."""
    assert _read(monkeypatch, tmp_path, WORKER_TIMEOUT="0").worker_timeout_s == float("inf")


def test_the_extra_takes_what_a_service_has():
    """Started by hand, the server may run on the releases that it runs on as a service."""
    locked = dict(re.findall(r"^([\w-]+)==(\S+)", _LOCK.read_text(), re.MULTILINE))
    wanted = [Requirement(text) for text in requires("modelship-ml")]
    extra = {each.name: each for each in wanted if each.marker and "server" in str(each.marker)}
    assert extra.keys() == locked.keys() | {"flask"}
    assert all(locked[name] in extra[name].specifier for name in locked)
    for name in ("httptools", "uvloop"):
        assert extra[name].specifier == servers._TESTED[name]
