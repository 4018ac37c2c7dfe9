"""Check whether the versions that load the model can read what wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from modelship.checks.sklearn_breaks import SKLEARN_BREAKS
from modelship.diagnosis import Surroundings
from modelship.diagnosis.remedies import remedy_for_version
from modelship.findings import RULES, Severity
from modelship.known_wheels import has_wheel, nearest_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.bundle.lock import Lock
    from modelship.checks.sklearn_breaks import Break
    from modelship.findings import Finding
    from modelship.sources import Passport

__all__ = ["is_skew", "skew_findings"]

_FIRST, _NEVER = Version("0"), Version("9999")


@dataclass(frozen=True)
class _Names:
    """Names that a library has since one release, or until another, and what wrote them."""

    library: str
    names: re.Pattern[str]
    writer: str
    since: Version = _FIRST
    until: Version = _NEVER
    ask: str = ""
    """The first release to require; without it, only retraining helps."""


# Their formats are versioned, and newer releases read older ones.
_READ_OLDER: Final = frozenset(("skops", "xgboost"))
_RETRAIN: Final = "Train the model again with the version that serves it."
_NAMES: Final = (
    # scikit-learn made most modules private in 0.22, and removed the old paths in 0.24
    # (sklearn/_build_utils/deprecated_modules.py of 0.23).
    _Names(
        "scikit-learn",
        re.compile(
            r"sklearn\.(cluster|covariance|cross_decomposition|decomposition|ensemble"
            r"|feature_extraction|feature_selection|gaussian_process|linear_model|manifold|metrics"
            r"|mixture|neighbors|neural_network|preprocessing|semi_supervised|svm|tree)"
            r"\.(?!text\.|image\.|kernels\.|pairwise\.|cluster\._)[a-z]\w*\.\w.*"
        ),
        "A scikit-learn before 0.22",
        until=Version("0.24"),
    ),
    # "What's new" of 0.23: sklearn.externals.joblib and .six are removed
    _Names(
        "scikit-learn",
        re.compile(r"sklearn\.externals\.(joblib|six)\..+"),
        "A scikit-learn before 0.21",
        until=Version("0.23"),
    ),
    # numpy.core was renamed in NumPy 2.0; 1.26 has some modules under the new name too.
    _Names(
        "numpy",
        re.compile(r"numpy\._core\.(multiarray|_multiarray_umath|_internal|_dtype)\..+"),
        "numpy 2",
        since=Version("1.26"),
        ask="2.0",
    ),
    _Names(
        "numpy",
        re.compile(r"numpy\._core\.(?!(multiarray|_multiarray_umath|_internal|_dtype)\.).+"),
        "numpy 2",
        since=Version("2.0"),
        ask="2.0",
    ),
    # NumPy 2 pickles the class of a bit generator, where 1.x looks up its name.
    _Names(
        "numpy",
        re.compile(r"numpy\.random\._(mt19937|pcg64|philox|sfc64)\.[A-Z]\w+"),
        "numpy 2",
        since=Version("2.0"),
        ask="2.0",
    ),
    # "Release notes" of SciPy 1.8: the modules of scipy.sparse became private
    _Names(
        "scipy",
        re.compile(r"scipy\.sparse\._(bsr|coo|csc|csr|dia|dok|lil)\..+"),
        "scipy 1.8 or later",
        since=Version("1.8"),
        ask="1.8",
    ),
)
# The first onnxruntime that accepts a version of the format (0) or of an operator set. Each was
# tried; versions not listed are accepted by all releases, or are newer than this table.
_ONNXRUNTIME: Final = {
    ("ai.onnx", 20): "1.17",
    ("ai.onnx", 21): "1.18",
    ("ai.onnx", 22): "1.21",
    ("ai.onnx", 23): "1.23",
    ("ai.onnx", 24): "1.24",
    ("ai.onnx", 25): "1.24",
    ("ai.onnx.ml", 4): "1.17",
    ("ai.onnx.ml", 5): "1.18",
    ("IR", 10): "1.18",
    ("IR", 11): "1.23",
    ("IR", 12): "1.24",
    ("IR", 13): "1.24",
}


def skew_findings(passport: Passport, lock: Lock, *, path: str) -> Iterator[Finding]:
    """Find libraries whose locked version is not the one that wrote the model.

    The advice is always installable: a version is named with a Python that has a wheel of it.
    """
    unreadable: set[str] = set()
    for finding, library in _of_names(passport, lock, path=path):
        unreadable.add(library)
        yield finding
    for library, written in passport.libraries:
        loads, wrote = _locked(lock, library), _version(written)
        if loads and wrote and library not in unreadable:
            yield from _of_library(passport, library, wrote, loads, lock=lock, path=path)
    if passport.opsets:
        yield from _of_onnx(passport, lock, path=path)


def is_skew(wrote: str, loads: str) -> bool:
    """Return whether two releases are of different minor versions, if both can be parsed."""
    one, other = _version(wrote), _version(loads)
    return one is None or other is None or (one.major, one.minor) != (other.major, other.minor)


def _of_library(
    passport: Passport, library: str, wrote: Version, loads: Version, *, lock: Lock, path: str
) -> Iterator[Finding]:
    around = Surroundings(python=lock.minor)
    advice = remedy_for_version(library, str(wrote), around=around, loads=str(loads))
    told = f"{library} {wrote} wrote it, and the environment has {loads}"
    known = _known_breaks(passport, wrote, loads) if library == "scikit-learn" else []
    for each in known:
        yield RULES["MS201"].finding(
            f"{told}, which cannot use it: {each.what}."
            if each.certain
            else f"{told}, in which not all of it works: {each.what}.",
            path=path,
            advice=advice,
            severity=Severity.ERROR if each.certain else Severity.WARNING,
        )
    if library in _READ_OLDER and wrote <= loads:
        return
    if not known and is_skew(str(wrote), str(loads)):
        yield RULES["MS201"].finding(
            f"{told}; {library} gives no compatibility guarantee across minor versions.",
            path=path,
            advice=advice,
        )


def _known_breaks(passport: Passport, wrote: Version, loads: Version) -> list[Break]:
    """Return the known failures between two releases of scikit-learn, once for each class."""
    hits = [each for each in SKLEARN_BREAKS if each.hits(wrote=wrote, loads=loads)]
    found = [each for each in hits if _matching(passport, each.names)]
    return [each for each in found if each.certain] or found


def _of_names(passport: Passport, lock: Lock, *, path: str) -> Iterator[tuple[Finding, str]]:
    """Find names that the locked version lacks, whatever version the file states."""
    for each in _NAMES:
        loads = _locked(lock, each.library)
        if loads is None or each.since <= loads < each.until:
            continue
        for name in _matching(passport, each.names)[:1]:
            finding = RULES["MS201"].finding(
                f"{each.writer} wrote it: it names {name}, which {each.library} {loads} cannot "
                "load.",
                path=path,
                advice=_to_ask_for(each.library, each.ask, lock=lock) if each.ask else _RETRAIN,
                severity=Severity.ERROR,
            )
            yield finding, each.library


def _of_onnx(passport: Passport, lock: Lock, *, path: str) -> Iterator[Finding]:
    for package in ("onnxruntime", "onnxruntime-gpu"):
        loads = _locked(lock, package)
        for domain, version in (*passport.opsets, ("IR", passport.ir_version or 0)):
            since = _ONNXRUNTIME.get((domain, version))
            if loads and since and loads < Version(since):
                what = "ONNX's format" if domain == "IR" else f"the operators {domain}"
                yield RULES["MS201"].finding(
                    f"It is written in version {version} of {what}, which {package} {loads} does "
                    "not know.",
                    path=path,
                    advice=f"{_to_ask_for(package, since, lock=lock).rstrip('.')}, or export the "
                    "model for an older version.",
                    severity=Severity.ERROR,
                )


def _to_ask_for(package: str, since: str, *, lock: Lock) -> str:
    """Return the advice to use at least a release, with a Python that has a wheel of it."""
    python = lock.minor
    known = package.removesuffix("-gpu")  # released together
    if has_wheel(known, since, python=python):
        return f"Require {package}>={since} in the environment."
    other = nearest_python(known, since, python=python)
    return (
        f"Require Python {other} and {package}>={since} in the environment: there is no wheel of "
        f"it for Python {python[0]}.{python[1]}."
    )


def _matching(passport: Passport, names: re.Pattern[str]) -> list[str]:
    return [name for name in passport.globals if names.fullmatch(name)]


def _locked(lock: Lock, library: str) -> Version | None:
    return _version(lock.versions.get(library, ""))


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
