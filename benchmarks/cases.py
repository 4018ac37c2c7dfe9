"""How much the check finds in the corpus of bundles in tests/cases, and how long it takes.

::

    python benchmarks/cases.py                 what is caught, false alarms, and times
    python benchmarks/cases.py --smoke         a few cases, to see that it still runs
    python benchmarks/cases.py --page          write benchmarks/broken-bundles.md too

Environments are made on first use and kept in MODELSHIP_HOME; the times are those of a machine
that has them.
"""

import argparse
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from cases.case import BROKEN, GOOD, lay  # noqa: E402 - it is found only now
from cases.checking import bundle_of, findings_of  # noqa: E402 - as above
from cases.observing import observing, runs_here  # noqa: E402 - as above
from modelship.bundle.profile import Profile  # noqa: E402 - as above
from modelship.checks.trial import try_out  # noqa: E402 - as above
from modelship.errors import ModelshipError  # noqa: E402 - as above

PAGE = ROOT / "benchmarks/broken-bundles.md"
AT_ONCE = 3
STEP = 40  # every so many cases make a smoke test
LONGEST_LINE = 300
HEAD = """# Broken bundles

This page lists bundles that do not work, and compares what happens when they are deployed unchecked
with what `modelship check` reports before. Each is a folder in `tests/cases/broken`. The first
block is the diagnostic line that Azure ML's own inference server logged or answered when it ran the
bundle; for an environment, it is the resolver's. Bundles that only Azure would refuse were not run:
there the block has Azure's message or limit, with the source. The second block is the finding.
`benchmarks/cases.py --page` generates this page.
"""
OUTCOMES = {
    "answers": "The service answers",
    "drops": "The connection is dropped",
    "exits": "The server exits with code",
    "hangs": "The server accepts requests, and answers none",
    "refused": "Azure refuses it",
    "unreadable": "The file cannot be read",
    "unresolvable": "The environment cannot be built",
}


def observed(cases):
    """Check each case and meet it raw, a few at once; return what was observed."""
    with tempfile.TemporaryDirectory() as folder, observing(at_once=AT_ONCE) as begin:
        places = [Path(folder, case.name) for case in cases]
        for place in places:
            place.mkdir()
        begun = [begin(*each) for each in zip(cases, places, strict=True)]
        return [wait() for wait in begun]


def report(seen):
    """Print what was caught and what was not, and return whether all is as it should be."""
    broken = [each for each in seen if each.case.expect]
    good = [each for each in seen if not each.case.expect]
    missed = [each for each in broken if each.expected is None or each.unexpected]
    alarms = [each for each in good if each.findings]
    untrue = [each for each in seen if not each.went_as_told]
    print(f"caught before deployment: {len(broken) - len(missed)} of {len(broken)}, code and line")
    print(f"false alarms: {len(alarms)} in {len(good)} good bundles")
    print(f"as told on the real server: {len(seen) - len(untrue)} of {len(seen)}")
    for each in [*missed, *alarms]:
        print(f"  {each.case.name}:", *each.findings, sep="\n    ")
    for each in untrue:
        print(f"  {each.case.name} raw: {each.met.outcome}, not {each.case.server['outcome']}")
    return not (missed or alarms or untrue)


def measure(cases):
    """Print the times of checks: of what is read alone, with the trial, and with a new lock."""
    read, tried, added, locked = [], [], [], []
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            laid = lay(case, Path(folder))
            bundle = bundle_or_none(case, laid)
            # Where there is no lock to keep, each check asks the index again.
            times = read if bundle and "lock" in vars(bundle) else locked
            times.append((timed(findings_of, case, laid, trial=False), case.name))
            if case.expect is None:
                tried.append((timed(findings_of, case, laid), case.name))
                trial = try_out(bundle, profile=Profile("here"), timeout_s=60)
                ran_s = sum(trial.seconds(phase) for phase in ("import", "init", "run"))
                added.append((tried[-1][0] - ran_s, case.name))
    show("check without the trial, locked before", read)
    show("check without the trial, not locked before", locked)
    show("check with the trial, of what is good", tried)
    show("  of it besides the script's import, init() and run()", added)


def bundle_or_none(case, laid):
    """Return the bundle of a case, or None where none can be made."""
    try:
        return bundle_of(case, laid)
    except ModelshipError:
        return None


def show(name, times):
    """Print the median and the longest of some times, and whose the longest is."""
    if times:
        median, (most, slowest) = statistics.median(each for each, _ in times), max(times)
        print(f"{name}: median {median:.3f} s, max {most:.3f} s ({slowest}; n={len(times)})")


def timed(work, *arguments, **options):
    """Return the seconds that `work` takes."""
    started = time.perf_counter()
    work(*arguments, **options)
    return time.perf_counter() - started


def write_page(seen):
    """Write what was met raw beside what was found, by code."""
    broken = sorted((each for each in seen if each.case.expect), key=place_on_page)
    parts, code = [HEAD], ""
    for each in broken:
        if each.case.expect.code != code:
            code = each.case.expect.code
            parts.append(f"## {code}\n")
        parts.append(section(each))
    PAGE.write_text("\n".join(parts))
    print(f"{PAGE.relative_to(ROOT)}: {len(broken)} bundles")


def place_on_page(each):
    """Sort by code, then by name."""
    return each.case.expect.code, each.case.name


def section(each):
    """Return the part of the page that shows one bundle."""
    outcome, _, code = each.met.outcome.partition(" ")
    outcome = OUTCOMES.get(outcome, f"The server answers {outcome}")
    if source := each.case.server.get("source"):
        code = f"({source})"
    finding = each.expected
    place = f"{finding.where}: " if finding.where else ""
    return (
        f"### {each.case.name}\n\n{each.case.title}\n\n"
        f"{f'{outcome} {code}'.strip()}:\n\n```text\n{telling_line(each)}\n```\n\n"
        f"modelship, before anything is sent:\n\n```text\n"
        f"{place}{finding.severity} {finding.code} {finding.problem}\n  {finding.advice}\n```\n"
    )


def telling_line(each):
    """Return the line that tells most, without what differs from run to run."""
    line = each.met.telling_line(each.case.server["says"])
    line = re.sub(r"^[\d-]+ [\d:,]+ [A-Z] \[\d+\] ", "", line)
    line = re.sub(r"pid:\d+", "pid:42", line)
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} …"


def main():
    """Run what was asked for; exit with 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", action="store_true", help="write the page of broken bundles")
    parser.add_argument("--smoke", action="store_true", help="a few cases, to see that it runs")
    arguments = parser.parse_args()
    step = STEP if arguments.smoke else 1
    kinds = ([case for case in kind.values() if runs_here(case)] for kind in (BROKEN, GOOD))
    cases = [case for kind in kinds for case in kind[::step]]
    seen = observed(cases)
    passed = report(seen)
    measure(cases)
    if arguments.page and passed:
        write_page(seen)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
