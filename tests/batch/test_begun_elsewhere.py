"""A job that another release of modelship has begun is resumed, or refused with the reason."""

from __future__ import annotations

import pytest

from modelship.batch.equal_answers import require_known_types
from modelship.batch.manifest import AnswerColumn, Entry
from modelship.errors import BatchResumeError


def entries_of(*types):
    """Return the entries of a piece with these types of answers."""
    answers = tuple(AnswerColumn(f"c{at}", (each,)) for at, each in enumerate(types))
    return {0: Entry(0, 1, 1, 0, "rows.csv", 1, "0", answers=answers)}


@pytest.mark.parametrize("text", ["list<item: double>", "struct<a: int64>", '["list", "odd"]'])
def test_types_that_are_not_known_are_refused(text):
    """Before anything is scored, and not once the answers are to be made equal."""
    with pytest.raises(BatchResumeError, match="another release of modelship") as found:
        require_known_types(entries_of("double", text), output="out")
    assert text in str(found.value)
    assert "Resume it with that release" in found.value.hint


def test_types_of_other_releases_that_are_known_are_none():
    """Those of numbers and texts have not changed."""
    require_known_types(entries_of("double", "int64", "int64 >= 0", "string"), output="out")
