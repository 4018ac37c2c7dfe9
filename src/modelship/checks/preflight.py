"""Run all rules on a bundle, and the trial if they find no error."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modelship.bundle.profile import Profile
from modelship.checks.bundle_facts import surroundings_of
from modelship.checks.doubts import Doubt, doubted_if, settled
from modelship.checks.environment_rules import environment_findings
from modelship.checks.leaks import variable_findings
from modelship.checks.loading_rules import shown_path
from modelship.checks.model_rules import holds_several, model_findings, size_findings
from modelship.checks.script_rules import script_findings
from modelship.checks.search_path import SearchPath
from modelship.checks.subject import Subject, finding_of
from modelship.checks.target_rules import target_findings
from modelship.checks.trial import try_out
from modelship.checks.trial_findings import trial_findings
from modelship.checks.tricks import Tricks
from modelship.checks.undeclared_categories import undeclared_categories
from modelship.diagnosis.redaction import hiding
from modelship.errors import ModelshipError, PythonNotFoundError
from modelship.findings import RULES, Findings, Severity
from modelship.progress import showing
from modelship.runtime.variables import as_secrets, as_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from modelship.bundle.bundle import ScoringBundle
    from modelship.bundle.profile import HasProfile
    from modelship.findings import Finding
    from modelship.runtime.variables import Secret
    from modelship.sources import Model

__all__ = ["check", "check_parts"]

_NO_LIMIT = 2**63
_BATCH_SCRIPT = "MS119"  # the sample request is none for it


def check(
    bundle: ScoringBundle,
    *,
    target: str | HasProfile | None = None,
    name: str | None = None,
    trial: bool = True,
    trust_model: bool = False,
    variables: Mapping[str, str] | None = None,
    secrets: Mapping[str, str | Secret] | None = None,
    timeout_s: float = 600.0,
    show_output: bool = True,
) -> Findings:
    """Return the findings for a bundle; see :meth:`ScoringBundle.check`."""
    end_s = time.monotonic() + timeout_s
    with showing("Check the bundle") if show_output else nullcontext():
        shown = as_variables(variables or {})
        profile = _profile_of(target)
        subject = Subject.of(bundle)
        if profile is not None and not profile.installs_lock:
            subject = replace(subject, lock=None, bundle=None)
        found = list(_judge(subject, profile=profile, name=name, trust_model=trust_model))
        found += variable_findings(shown)
        is_tried = trial and not any(each.code == _BATCH_SCRIPT for each in found)
        if not is_tried or subject.bundle is None or any(each.blocks for each in found):
            return _sorted(settled(found, tried=False))
        read = as_secrets(secrets or {}, beside=shown).items()  # only a trial needs them
        hidden = {secret: each.value for secret, each in read}
        with hiding(hidden.values()):
            told, went_well = _tried(
                subject,
                bundle,
                profile=profile,
                environment={**shown, **hidden},
                timeout_s=end_s - time.monotonic(),
                before=found,
            )
    errors = [each for each in told if each.blocks]
    return _sorted((*settled(found, tried=went_well, by=errors), *told))


def check_parts(
    model: Model | str | Path | Sequence[Model | str | Path],
    *,
    target: str | HasProfile | None = None,
    name: str | None = None,
    trust_model: bool = False,
    variables: Mapping[str, str] | None = None,
    **parts: Any,
) -> Findings:
    """Return the findings for parts that cannot form a bundle.

    Parameters
    ----------
    model : Model, str or Path, or a Sequence of them
        The model, or its path; a list for several.
    target, name, trust_model, variables
        As for :meth:`ScoringBundle.check`.
    **parts
        ``entry_script``, ``source_directory``, ``environment``, ``sample_input``, ``schema``,
        ``output``, ``validate``, ``cpu_cores`` and ``memory_gb`` of
        :class:`~modelship.ScoringBundle`.
    """
    subject = Subject.read(model, **parts)
    profile = _profile_of(target)
    judged = _judge(subject, profile=profile, name=name, trust_model=trust_model)
    found = settled(judged, tried=False)
    return _sorted((*found, *variable_findings(as_variables(variables or {}))))


def _profile_of(target: str | HasProfile | None) -> Profile | None:
    if target is None:
        return None
    return Profile.named(target) if isinstance(target, str) else target.profile


def _judge(
    subject: Subject, *, profile: Profile | None, name: str | None, trust_model: bool
) -> Iterator[Finding]:
    yield from subject.unread
    yield from script_findings(subject, profile=profile)
    yield from environment_findings(subject)
    search = SearchPath(subject.source, python=subject.python)
    inferred = subject.environment is not None and subject.environment.inferred
    for model in subject.models:
        found = model_findings(
            model,
            path=shown_path(model, among=subject.models),
            source=subject.source,
            importable=search.files,
            unknown_path=search.is_unknown,
            lock=subject.lock,
            trust_model=trust_model,
        )
        # It is generated for the model, as far as its schema is known.
        yield from (each for each in found if not (inferred and _warns_of_environment(each)))
    if len(subject.models) == 1:
        [model] = subject.models
        path = shown_path(model, among=subject.models)
        yield from undeclared_categories(
            model, path=path, source=subject.source, entry_script=subject.entry_script
        )
    memory_bytes = subject.resources.memory_bytes if subject.resources else _NO_LIMIT
    # The script may load only some of the files, or map them into memory.
    unsure = holds_several(subject.models) or Tricks(subject.source).mapping
    for each in size_findings(subject.models, memory_bytes=memory_bytes):
        yield doubted_if(unsure and each.blocks, each)
    yield from target_findings(subject, profile=profile, name=name)


def _warns_of_environment(found: Finding) -> bool:
    return found.code.startswith("MS2") and not found.blocks


def _tried(
    subject: Subject,
    bundle: ScoringBundle,
    *,
    profile: Profile | None,
    environment: Mapping[str, str],
    timeout_s: float,
    before: list[Finding],
) -> tuple[list[Finding], bool]:
    """Return a trial's findings, and whether it returned an answer without problems."""
    profile = profile or Profile("here")
    try:
        trial = try_out(bundle, profile=profile, environment=environment, timeout_s=timeout_s)
    except PythonNotFoundError as error:
        # A remote place has its own Python; only a local process needs one here.
        found = finding_of(error)
        here = profile.name == "process"
        return [found if here else replace(found, severity=Severity.WARNING)], False
    except ModelshipError as error:
        return [finding_of(error)], False
    except TimeoutError:
        problem = f"The environment was not ready within the remaining {timeout_s:.0f} s."
        advice = "Raise timeout_s=."
        return [RULES["MS209"].finding(problem, advice=advice)], False
    has_sample = bundle.sample_json is not None
    told = [
        *trial_findings(
            replace(trial, around=surroundings_of(subject)),
            profile=profile,
            resources=bundle.resources,
            has_sample=has_sample,
        )
    ]
    went_well = has_sample and trial.phase == "done" and not any(each.blocks for each in told)
    # The findings of static analysis name the more precise place.
    known = {each.code for each in before if not isinstance(each, Doubt)}
    return [each for each in told if each.blocks or each.code not in known], went_well


def _sorted(found: Iterable[Finding]) -> Findings:
    """Return findings without duplicates: errors first, then ordered by place and code."""
    once = dict.fromkeys(found)
    return Findings(
        sorted(once, key=lambda each: (not each.blocks, each.path, each.line or 0, each.code))
    )
