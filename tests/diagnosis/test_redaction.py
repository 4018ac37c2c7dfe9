"""What is known to be a secret is hidden wherever a text of a log is told on."""

from pathlib import Path

import pytest

from modelship.batch import scorer
from modelship.diagnosis import diagnose
from modelship.diagnosis.redaction import covered, hidden, hiding


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("s3cr3t-x", "password is s3cr3t-x."),
        ("p@ss/w:rd", "https://u:p%40ss%2Fw%3Ard@db"),
        ("two\nlines", "KeyError: 'two\\nlines'"),
        ('say "x"', '{"it": "say \\"x\\""}'),
        ("-----BEGIN KEY-----\nMIIEvQIBADANBg", "in the file: MIIEvQIBADANBg"),
        ("two  words\nin lines", "ValueError: two words in lines"),
        ("trailing\n", "got trailing, and"),
        ("ünïcode", "b'\\u00fcn\\u00efcode'"),
    ],
)
def test_a_value_is_hidden_as_a_log_may_show_it(value, text):
    """As it is, escaped, in an address, or one line of it; and not after the block."""
    with hiding([value]):
        assert "***" in hidden(text)
        assert value.strip() not in hidden(text)
    assert hidden(text) == text


def test_nothing_else_is_hidden():
    """A value of three characters is in too many words to hide it in them."""
    with hiding(["a", "", "yes"]):
        assert hidden("a bad day, yes") == "a bad day, yes"


def test_blocks_add_up_and_the_longer_value_counts():
    """One secret may begin as another does; no end of it is left."""
    with hiding(["token-1"]), hiding(["token-1-and-more"]):
        assert hidden("token-1-and-more token-1") == "*** ***"


def test_a_diagnosis_hides_it():
    """Its cause, its evidence and its remedy may each quote the log."""
    raised = 'File "score.py", line 3, in init\nKeyError: "abcdefgh"'
    log = f"Traceback (most recent call last):\n  {raised}"
    assert "abcdefgh" in str(diagnose(log))
    with hiding(["abcdefgh"]):
        assert "abcdefgh" not in str(diagnose(log))
        assert covered("token=0123456789 abcdefgh") == "token=*** ***"


def test_tracebacks_through_the_scorer_of_batch_jobs_are_shown_as_they_are():
    """None of its lines reads as if it held a secret."""
    folder = Path(scorer.__file__).parent
    lines = [line for each in folder.glob("*.py") for line in each.read_text().splitlines()]
    assert lines
    assert [line for line in lines if covered(line) != line] == []
