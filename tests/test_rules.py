"""Each rule is documented, and the documents speak of no other."""

import re
from pathlib import Path

from modelship.findings import RULES

PAGE = Path(__file__).parents[1] / "docs/reference/rules.md"


def test_the_page_has_a_row_for_each_rule():
    """Code, name and severity stand there as the table of the code has them."""
    rows = re.findall(r"^\| (MS\d+) \| ([\w-]+) \| (\w+) \|", PAGE.read_text(), re.MULTILINE)
    assert rows == [(each.code, each.name, str(each.severity)) for each in RULES.values()]


def test_every_piece_of_advice_is_a_sentence():
    """Advice begins with a capital letter, and ends."""
    for rule in RULES.values():
        assert re.fullmatch(r"[A-Z].*[.:)]", rule.advice), rule


def test_the_page_tells_of_each_rule_when_its_advice_holds():
    """The last column has a sentence for each."""
    rows = re.findall(r"^\| MS\d+ \|.*\| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(RULES)
    assert all(row.endswith(".") for row in rows)
