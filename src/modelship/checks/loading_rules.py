"""Check what loading the model would run, and what could not be inspected."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelship.checks.own_modules import OwnModules
from modelship.errors import CheckFailedError
from modelship.findings import RULES, Severity
from modelship.sources._globals import Judgement, Use, judge
from modelship.sources.passport import read_passport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.bundle.bundle import ScoringBundle
    from modelship.findings import Finding
    from modelship.sources import Model

__all__ = ["loading_findings", "require_loadable", "require_sound", "shown_path"]

_DANGERS_SHOWN: Final = 20
_IF_KNOWN: Final = "If you know who made it and what it runs: trust_model=True (--trust-model)."
_TRUSTED: Final = "It is loaded nevertheless, because you trust it (trust_model)."


def shown_path(model: Model, *, among: Sequence[Model]) -> str:
    """Return the path of a model's file for findings; other models may have the same file name."""
    return f"{model.name}:{model.version}/{model.path.name}" if len(among) > 1 else model.path.name


def loading_findings(
    model: Model, *, path: str, own: OwnModules, trust_model: bool
) -> Iterator[Finding]:
    """Find why loading a model is not known to be safe.

    Parameters
    ----------
    model : Model
        The model that the service loads.
    path : str
        The file's path in findings.
    own : OwnModules
        The modules next to the script: code that they define may be run by the script anyway.
    trust_model : bool
        Whether the user trusts the model; findings are then warnings.
    """
    for each in _obstacles(model, path=path, own=own):
        if trust_model or model.trusted:
            yield replace(each, severity=Severity.WARNING, advice=_TRUSTED)
        else:
            yield replace(each, advice=f"{each.advice} {_IF_KNOWN}")


def require_loadable(bundle: ScoringBundle, *, trust_model: bool) -> None:
    """Raise CheckFailedError unless loading each of the bundle's models is safe, or trusted."""
    own = OwnModules(bundle.source)
    found: list[Finding] = []
    for model in bundle.models:
        path = shown_path(model, among=bundle.models)
        found += loading_findings(model, path=path, own=own, trust_model=trust_model)
    require_sound(found)


def require_sound(findings: Sequence[Finding]) -> None:
    """Raise CheckFailedError if anything of it keeps a bundle from being deployed."""
    if errors := [each for each in findings if each.blocks]:
        raise CheckFailedError(findings=errors)


def _obstacles(model: Model, *, path: str, own: OwnModules) -> Iterator[Finding]:
    passport = model.passport
    names = [name for name in passport.dangerous if not _is_own(name, own=own)]
    files = _globals_by_file(model) if names and model.path.is_dir() else {}
    for name in names[:_DANGERS_SHOWN]:
        yield RULES["MS301"].finding(
            f"Loading it would {passport.verb_of(name)} {name}, which is not known to be safe.",
            path=next((file for file, found in files.items() if name in found), path),
        )
    if len(names) > _DANGERS_SHOWN:
        more = f"{len(names) - _DANGERS_SHOWN} more names that are not known to be safe."
        yield RULES["MS301"].finding(f"Loading it would import {more}", path=path)
    for hazard in passport.hazards:
        yield RULES["MS301"].finding(f"Loading it is not safe: {hazard}.", path=path)
    for reason in passport.incomplete_because:
        yield RULES["MS308"].finding(
            f"It cannot be fully inspected without loading it: {reason}.", path=path
        )


def _is_own(name: str, *, own: OwnModules) -> bool:
    """Return whether `name` is reported as dangerous only because it is unknown."""
    return own.defines(name) and judge(name, Use.MAKE) is not Judgement.DANGEROUS


def _globals_by_file(model: Model) -> dict[str, tuple[str, ...]]:
    """Return the globals that each file of a folder references."""
    return {file.path: read_passport(model.root / file.path).globals for file in model.files}
