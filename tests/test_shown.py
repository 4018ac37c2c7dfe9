"""What people are shown: local times, and HTML for notebooks that is safe and plain to read."""

import time
from html.parser import HTMLParser

import joblib
import pytest

from modelship.checks import check_parts
from modelship.evaluation import Evaluator
from modelship.findings import RULES, Diagnosis, Finding, Findings, Severity
from modelship.shown import card, facts, link, local_time
from modelship.sources import Model
from modelship.targets import Change, Deployment, History, Instance, ReleaseRecord

EVIL = "<script>alert('1')</script>&\"'"


class Parsed(HTMLParser):
    """The tags and the text of a piece of HTML, all of whose tags have to be closed."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text = [], set(), ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def berlin(monkeypatch):
    """Let this process live in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def deployment():
    options = {"workers": 2, "secrets.DB": "a hash", "variables.MODE": EVIL}
    release = ReleaseRecord(model=EVIL, options=options, description=EVIL, bundle="ab" * 32)
    instance = Instance("a-1", "digits", "2026-07-01T10:00:00.000+00:00", release, "http://x/score")
    return Deployment(type("Place", (), {"name": "process"})(), instance)


def history():
    release = ReleaseRecord(digest="cd" * 32)
    at = "2026-12-01T10:00:00+00:00"
    return History(
        [Change(1, "deploy", release, by=EVIL, began_at=at, outcome="failed", reason=EVIL)]
    )


def model(folder):
    path = folder / "a & b <i>.joblib"
    joblib.dump({"model": 1}, path)
    return Model.read(path)


def values(folder):
    findings = Findings([Finding("MS503", Severity.ERROR, EVIL, EVIL, EVIL, 3, EVIL)])
    diagnosis = Diagnosis("MS304", EVIL, EVIL, (EVIL,), EVIL)
    report = Evaluator([[0], [1]], ["a", "b"]).evaluate(lambda rows: ["a", "b"][: len(rows)])
    shown = [findings, findings[0], diagnosis, deployment(), history(), report]
    return [*shown, model(folder), model(folder).passport, Findings(), History()]


def test_each_value_has_html_that_is_whole_and_runs_nothing(tmp_path):
    """Whatever names and messages hold, it is text; and there is no script, style or picture."""
    for value in values(tmp_path):
        html = value._repr_html_()
        allowed = {"div", "span", "b", "table", "thead", "tbody", "tr", "th", "td"}
        allowed |= {"details", "summary", "pre", "code", "a", "br"}
        assert Parsed(html).tags <= allowed, type(value)
        assert EVIL not in html


def test_what_was_found_is_said_with_its_proof_and_its_remedy():
    """The errors are counted, and each has its code and its place."""
    found = RULES["MS503"].finding("It broke.", path="score.py", line=5, evidence="Traceback")
    text = Parsed(Findings([found])._repr_html_()).text
    for part in ("1 error", "error MS503", "score.py:5", "It broke.", found.advice, "Traceback"):
        assert part in text


def test_findings_are_a_tuple_all_the_same():
    """They are equal to one, and are taken apart like one."""
    found = RULES["MS111"].finding("x")
    findings = Findings([found])
    assert findings == (found,)
    assert (findings[0], len(findings), findings.errors) == (found, 1, ())
    assert (str(findings), str(Findings())) == (f"warning {found}", "nothing found")


def test_a_check_returns_findings(tmp_path):
    """Nothing found is shown too, and not as an empty pair of brackets."""
    script = tmp_path / "score.py"
    script.write_text("def init(): pass\ndef run(raw_data): return 1 / 0\n")
    assert isinstance(check_parts([], entry_script=script), Findings)


def test_a_service_is_shown_as_its_record_says_and_without_secrets(berlin):
    """No request is sent to the service; the times are local."""
    text = Parsed(deployment()._repr_html_()).text
    assert "2026-07-01 12:00:00" in text
    assert "a hash" not in text
    assert "2026-12-01 11:00:00" in Parsed(history()._repr_html_()).text


def test_a_history_counts_its_changes():
    """One change is a change, and none are none."""
    assert "1 change " in Parsed(history()._repr_html_()).text
    assert "2 changes" in Parsed(History([*history(), *history()])._repr_html_()).text
    assert Parsed(History()._repr_html_()).text.strip() == "no changes"


def test_a_model_that_has_gone_is_still_shown(tmp_path):
    """A notebook shows values again later."""
    gone = model(tmp_path)
    gone.path.unlink()
    assert "a-b-i" in gone._repr_html_()


def test_only_addresses_of_the_web_are_links():
    """An address is no way to run something."""
    assert link("javascript:alert(1)") == "javascript:alert(1)"
    assert 'href="https://x/?a=1&amp;b"' in link("https://x/?a=1&b")
    assert "empty" not in card("x", facts({"empty": ""}))


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2026-07-01T10:00:00.123+00:00", "2026-07-01 12:00:00"),
        ("2026-12-01T10:00:00Z", "2026-12-01 11:00:00"),
        ("2026-12-01 23:30:00", "2026-12-02 00:30:00"),
        ("", ""),
        ("yesterday", "yesterday"),
    ],
)
def test_times_are_local(berlin, moment, shown):
    """With summer time; what is no time is shown as it is."""
    assert local_time(moment) == shown
