"""Each bundle of the corpus is judged by the check as the real server judges it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from cases.case import BROKEN, GOOD, lay
from cases.checking import findings_of
from cases.observing import observing, runs_here
from modelship.bundle import programs
from modelship.findings import RULES
from modelship.runtime import workbench

AT_ONCE = 3
PAGE = Path(__file__).parents[1] / "benchmarks/broken-bundles.md"
# No bundle can cause the first: the server is part of each environment. Whether the second is
# found depends on what the machine has. The third is about what a caller sends, the fourth about
# how a bundle is served. MS309 is about XGBoost before 3.1, of which the tests install no release;
# tests/sources/test_boosters.py has it.
WITHOUT_A_CASE = {"MS202", "MS207", "MS511", "MS118", "MS309"}


def one_for_each(outcomes, cases):
    """Return the name of a case for each outcome on the server, if possible without packages."""
    ordered = sorted(cases.values(), key=lambda case: case.bundle.get("environment") == "plain")
    names = {case.server["outcome"]: case.name for case in ordered if runs_here(case)}
    return {names[each] for each in outcomes}


# Starting the server is most of the time: the gate starts it for a script that does not load and
# for one that answers, and asks what takes no server; for the others it is long. That this server
# hangs, exits and answers as it does is asked in tests/server/differential, too.
ON_SERVER = one_for_each(("exits 3", "refused", "unreadable"), BROKEN) | one_for_each(
    ("answers",), GOOD
)


@pytest.fixture(scope="module")
def observed(request, shared_home, tmp_path_factory):
    """Return what was observed of a case; the others that are asked for run meanwhile."""
    asked = list(asked_for(request))
    on_server = {case.name for test, case in asked if test.endswith("on_the_server")}
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        begin = stack.enter_context(observing(at_once=AT_ONCE))
        patch.setenv("MODELSHIP_HOME", str(shared_home))
        running = {}

        def start(case):
            if case.name not in running:
                folder = tmp_path_factory.mktemp(case.name)
                running[case.name] = begin(case, folder, on_server=case.name in on_server)
            return running[case.name]

        if has_all_of_a_file(request.config):
            for _, case in asked:
                start(case)
        yield lambda case: start(case)()


def has_all_of_a_file(config):
    """Return whether all tests of a file run in this process, and not one here and one there."""
    arguments = getattr(config, "workerinput", {}).get("mainargv", ["loadfile"])
    return any("loadfile" in each for each in arguments)


def asked_for(request):
    """Yield the selected tests of this module that observe, each with its case, if that runs."""
    for item in request.session.items:
        if item.path == request.path and "observed" in item.fixturenames:
            case = item.callspec.params["case"]
            if runs_here(case):
                yield item.originalname, case


def each_of(cases, *, short=(*BROKEN, *GOOD)):
    """Make a test one for each case, and long but for `short`; skip what this Python lacks."""

    def marks(case):
        skip = pytest.mark.skipif(not runs_here(case), reason=f"Python {case.requires_python}")
        return [skip] if case.name in short else [skip, pytest.mark.long]

    parameters = [pytest.param(each, marks=marks(each), id=each.name) for each in cases.values()]
    return pytest.mark.parametrize("case", parameters)


@each_of(BROKEN)
def test_what_is_broken_is_found_at_its_place(case, observed):
    """The check reports the code, the file, the line and the severity, and no other error."""
    seen = observed(case)
    assert seen.expected is not None, seen.findings
    assert not seen.unexpected


@each_of(BROKEN, short=ON_SERVER)
def test_what_is_broken_goes_wrong_on_the_server(case, observed):
    """The raw path ends as the case says it does, in the words that it gives."""
    seen = observed(case)
    assert seen.met.outcome == case.server["outcome"], seen.met.said
    assert re.search(case.server["says"], seen.met.said), seen.met.said


@each_of(GOOD)
def test_what_is_good_raises_no_alarm(case, observed):
    """The check finds nothing, not even something to warn of."""
    assert observed(case).findings == ()


@each_of(GOOD, short=ON_SERVER)
def test_what_is_good_answers_on_the_server(case, observed):
    """The server answers the sample request, and as the case says."""
    seen = observed(case)
    assert seen.met.outcome == "answers", seen.met.said
    assert re.search(case.server["says"], seen.met.said), seen.met.said


@each_of({**BROKEN, **GOOD}, short=())
def test_a_trial_in_a_python_of_its_own_finds_the_same(case, shared_home, tmp_path, monkeypatch):
    """What the tests above find with forks of one process is what anybody finds."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    laid = lay(case, tmp_path)
    forked = findings_of(case, laid)
    monkeypatch.setattr(workbench, "start", programs.start)
    alone = findings_of(case, laid)
    assert [replace(each, evidence="") for each in forked] == [
        replace(each, evidence="") for each in alone
    ]


def test_each_rule_that_a_bundle_can_break_has_a_case():
    """Every code below MS600 is the expected finding of some case."""
    expected = {case.expect.code for case in BROKEN.values()}
    assert expected == {code for code in RULES if code < "MS600"} - WITHOUT_A_CASE


def test_the_page_shows_each_broken_bundle():
    """benchmarks/broken-bundles.md has a heading for each case."""
    assert set(re.findall(r"^### (\S+)$", PAGE.read_text(), re.MULTILINE)) == BROKEN.keys()


@pytest.mark.long
def test_the_benchmark_still_runs(shared_home):
    """benchmarks/cases.py counts a few of them; here, since the environments are there already."""
    done = subprocess.run(
        [sys.executable, PAGE.with_name("cases.py"), "--smoke"],
        env={**os.environ, "MODELSHIP_HOME": str(shared_home)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "false alarms: 0 in 1" in done.stdout
