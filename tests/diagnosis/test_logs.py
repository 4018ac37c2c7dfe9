"""Each log of a failure names its cause, however it was taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelship.diagnosis import diagnose
from modelship.findings import RULES

try:
    import tomllib
except ImportError:  # Python 3.10, where pytest brings this one
    import tomli as tomllib

HERE = Path(__file__).parent
CASES = tomllib.loads((HERE / "cases.toml").read_text())


def log_of(name):
    return (HERE / "logs" / f"{name}.log").read_text()


@pytest.mark.parametrize("name", CASES)
def test_a_log_tells_its_cause(name):
    """The code and the place are those that the table says."""
    found = diagnose(log_of(name))
    assert (found.code, found.where) == (CASES[name]["code"], CASES[name].get("where", ""))


@pytest.mark.parametrize("name", CASES)
def test_what_is_shown_comes_from_the_log(name):
    """The evidence is there, short, and of the log; what is to be done is a sentence."""
    log, found = log_of(name), diagnose(log_of(name))
    assert 1 <= len(found.evidence) <= 12
    for line in found.evidence:
        told = line.strip().partition('", line')[0].removeprefix('File "')
        # Of a JSON document the code and the message are shown as one line.
        assert told in log or (told.partition(": ")[2] or told) in log
    for sentence in (found.cause, found.remedy):
        assert sentence.endswith((".", ":"))
        assert "{" not in sentence.replace("{}", "")


def test_each_log_is_in_the_table():
    """No log lies about untested."""
    assert {path.stem for path in (HERE / "logs").glob("*.log")} == set(CASES)


def test_the_logs_cover_most_causes():
    """What a failed service can show is covered by at least one log of each kind."""
    shown = {case["code"] for case in CASES.values()}
    not_of_logs = {code for code in RULES if code[:3] not in {"MS5", "MS6"}}
    assert set(RULES) - shown - not_of_logs <= {"MS508", "MS509", "MS510"}
