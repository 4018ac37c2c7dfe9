"""Whatever is given as a log is read in bounded time and memory, and never fails."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelship.diagnosis import Facts, diagnose, explain_exception, is_known
from modelship.diagnosis.tracebacks import clean_lines
from modelship.findings import RULES

FRAME = '  File "/var/azureml-app/score.py", line 3, in init\n    load()\n'
KILLED = "Worker (pid:7) was sent SIGKILL! Perhaps out of memory?\n"
PIECES = [
    "Traceback (most recent call last):\n",
    FRAME,
    "KeyError: 'a'\n",
    "ModuleNotFoundError: No module named ''\n",
    "\nDuring handling of the above exception, another exception occurred:\n\n",
    "Model Directory Contents:\n",
    'azmlinfsrv - 1/\n{"code": "x", "details": [null, 3, {}]}\n',
    "Booting worker with pid: 3\n",
    KILLED,
    "{}{name}\\n\x00\x1b[31m",
]


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param("x", id="a line"),
        pytest.param("Traceback (most recent call last):\n", id="headings"),
        pytest.param(KILLED, id="signs"),
        pytest.param("\n", id="lines", marks=pytest.mark.long),
        pytest.param(FRAME, id="frames", marks=pytest.mark.long),
        pytest.param('{"code":', id="braces", marks=pytest.mark.long),
        pytest.param("\\n", id="escapes", marks=pytest.mark.long),
    ],
)
def test_a_long_log_is_cut(piece):
    """Of a hundred megabytes only a bounded part is read."""
    log = piece * (100_000_000 // len(piece))
    lines = clean_lines(log)
    assert sum(map(len, lines)) < 5_000_000
    assert len(lines) <= 52_000
    assert len("".join(diagnose(log).evidence)) < 10_000


def test_the_end_of_a_long_log_counts():
    """What killed the service stands at the end, and is found there."""
    assert diagnose("GET / 200\n" * 2_000_000 + KILLED).code == "MS505"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=20), max_size=12))
def test_any_text_is_a_log(parts):
    """Broken tracebacks and rubbish are diagnosed like anything else."""
    found = diagnose("".join(parts), facts=Facts(timed_out=len(parts) % 2 == 0))
    assert found.code in RULES
    assert found.cause


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=12), st.text(max_size=40), st.sampled_from(["import", "init", "run"]))
def test_any_exception_is_explained(kind, message, phase):
    """An exception that no rule knows is of the phase in which it came."""
    found = explain_exception(kind, message, phase=phase)
    assert is_known(found)


@pytest.mark.parametrize(
    "secret",
    [
        "AccountKey=c2VjcmV0LXZhbHVl;EndpointSuffix=x",
        "password = 'c2VjcmV0LXZhbHVl'",
        "https://someone:c2VjcmV0LXZhbHVl@example.com/x",
        "Authorization: Bearer c2VjcmV0LXZhbHVl",
        "?sv=2020&sig=c2VjcmV0LXZhbHVl",
    ],
)
def test_no_secret_is_shown(secret):
    """What a script let slip into its log stays out of the diagnosis."""
    log = (
        f'Traceback (most recent call last):\n{FRAME}    connect("{secret}")\nValueError: {secret}'
    )
    found = diagnose(log)
    assert found.code in {"MS501", "MS502"}
    assert "c2VjcmV0LXZhbHVl" not in f"{found.cause}{found.remedy}{found.evidence}"
