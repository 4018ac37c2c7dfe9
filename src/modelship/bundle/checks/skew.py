"""The rule about versions: whether what loads the model reads what wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from modelship.findings import RULES, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.bundle.lock import Lock
    from modelship.findings import Finding
    from modelship.sources import Passport

__all__ = ["skew_findings"]


@dataclass(frozen=True)
class _Break:
    """A release across which files of a library cannot be read.

    ``names`` are the beginnings of what a file that is concerned names; none concerns all.
    """

    library: str
    at: Version
    names: tuple[str, ...]
    what: str


# scikit-learn's "What's new": 0.22 made modules private, and 0.24 removed the old paths; 1.3 gave
# the nodes of trees a field for missing values.
_BREAKS: Final = (
    _Break(
        "scikit-learn",
        Version("1.3"),
        ("sklearn.tree._tree.Tree",),
        "the nodes of its trees have other fields",
    ),
)
_PUBLIC_PATHS_REMOVED: Final = Version("0.24")
# Some of the modules that were public until 0.22.
_OLD_PATHS: Final = tuple(
    f"sklearn.{module}."
    for module in (
        *("linear_model.logistic", "linear_model.base", "linear_model.ridge"),
        *("linear_model.stochastic_gradient", "linear_model.coordinate_descent", "svm.classes"),
        *("ensemble.forest", "ensemble.gradient_boosting", "ensemble.weight_boosting"),
        *("ensemble.bagging", "tree.tree", "neighbors.classification", "neighbors.regression"),
        *("preprocessing.data", "preprocessing.label", "decomposition.pca", "cluster.k_means_"),
        *("naive_bayes.base", "neural_network.multilayer_perceptron", "svm.base"),
        *("mixture.gaussian_mixture", "linear_model.bayes"),
    )
)
_NUMPY_PATHS: Final = "numpy._core."
_NUMPY_READS_THEM: Final = Version("1.26")


def skew_findings(passport: Passport, lock: Lock, *, path: str) -> Iterator[Finding]:
    """Find libraries whose locked version is not the one that wrote the model."""
    for library, written in passport.libraries:
        found = lock.versions.get(library)
        if found and (wrote := _version(written)) and (loads := _version(found)):
            yield from _of_library(passport, library, wrote, loads, path=path)
    yield from _of_paths(passport, lock, path=path)


def _of_library(
    passport: Passport, library: str, wrote: Version, loads: Version, *, path: str
) -> Iterator[Finding]:
    advice = f"Pin {library}=={wrote}, or train the model again with {loads}."
    for each in _BREAKS:
        crossed = (wrote < each.at) is not (loads < each.at)
        named = any(name.startswith(each.names) for name in passport.globals)
        if each.library == library and crossed and named:
            yield RULES["MS201"].finding(
                f"{library} {wrote} wrote it, and the environment has {loads}, which cannot read "
                f"it: {each.what}.",
                path=path,
                advice=advice,
                severity=Severity.ERROR,
            )
            return
    if (wrote.major, wrote.minor) != (loads.major, loads.minor):
        yield RULES["MS201"].finding(
            f"{library} {wrote} wrote it, and the environment has {loads}; {library} promises "
            "nothing across minor versions.",
            path=path,
            advice=advice,
        )


def _of_paths(passport: Passport, lock: Lock, *, path: str) -> Iterator[Finding]:
    """Find modules that the locked version does not have, whatever version the file tells."""
    sklearn = _version(lock.versions.get("scikit-learn", ""))
    old = [name for name in passport.globals if name.startswith(_OLD_PATHS)]
    if old and sklearn and sklearn >= _PUBLIC_PATHS_REMOVED:
        yield RULES["MS201"].finding(
            f"A scikit-learn before 0.22 wrote it: {old[0].rpartition('.')[0]} is not in "
            f"{sklearn}.",
            path=path,
            advice="Train the model again; the Python that reads it is too old to serve.",
            severity=Severity.ERROR,
        )
    numpy = _version(lock.versions.get("numpy", ""))
    if numpy and numpy < _NUMPY_READS_THEM:
        new = [name for name in passport.globals if name.startswith(_NUMPY_PATHS)]
        if new:
            yield RULES["MS201"].finding(
                f"numpy 2 wrote it, and the environment has {numpy}, which has no numpy._core.",
                path=path,
                advice="Ask for numpy>=2 in the environment.",
                severity=Severity.ERROR,
            )


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
