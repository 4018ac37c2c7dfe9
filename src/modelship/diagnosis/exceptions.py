"""Explain one exception of a script, by the most specific explanation that fits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from modelship.diagnosis import (
    file_errors,
    module_errors,
    name_errors,
    request_errors,
    version_errors,
)
from modelship.diagnosis.diagnosis_tables import table
from modelship.diagnosis.facts import Surroundings
from modelship.diagnosis.raised import Phase, Raised
from modelship.diagnosis.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.findings import Diagnosis

__all__ = ["Phase", "explain_exactly", "explain_exception", "explain_plainly"]


def _explain_known(raised: Raised) -> Diagnosis | None:
    """Explain an exception by the first row of ``exceptions.yaml`` that fits."""
    for row in table("exceptions"):
        match = re.search(row.get("pattern", ""), raised.message)
        if match and _fits(row, raised):
            names = {
                **match.groupdict(default=""),
                "actor": raised.actor,
                "brief": raised.brief.rstrip("."),
                "or_correct": raised.or_correct,
                "held": file_errors.model_folder(raised),
            }
            advice = row.get("advice", "").format(**names)
            return raised.diagnosis(row["code"], row["problem"].format(**names), advice)
    return None


def _fits(row: Mapping[str, Any], raised: Raised) -> bool:
    return (
        raised.kind in row.get("kinds", [raised.kind])
        and raised.phase == row.get("phase", raised.phase)
        and (raised.is_loading or not row.get("loading"))
        and not (raised.where and row.get("placeless"))
    )


# The first match is used, so the more specific ones come first.
_EXPLANATIONS: tuple[Callable[[Raised], Diagnosis | None], ...] = (
    name_errors.explain_syntax,
    request_errors.explain_unserializable,
    request_errors.explain_body,
    request_errors.explain_no_model,
    module_errors.explain_missing_module,
    module_errors.explain_relative_import,
    module_errors.explain_import_error,
    version_errors.explain_unpickled_name,
    version_errors.explain_binary_clash,
    version_errors.explain_other_version,
    version_errors.explain_corrupt_model,
    name_errors.explain_attribute,
    file_errors.explain_environment_variable,
    file_errors.explain_missing_file,
    _explain_known,
    file_errors.explain_system_call,
    name_errors.explain_missing_global,
    request_errors.explain_refused_rows,
)
_BY_PHASE = {"import": "MS501", "init": "MS502", "run": "MS503"}
_CUDA = "torch.cuda.is_available() is False"


def explain_exception(
    kind: str,
    message: str,
    *,
    phase: Phase,
    where: str = "",
    evidence: tuple[str, ...] = (),
    library: str = "",
    around: Surroundings = Surroundings(),  # noqa: B008 - it is frozen
) -> Diagnosis:
    """Return the diagnosis for an exception of a scoring script.

    Parameters
    ----------
    kind : str
        The name of its class, with or without its module, such as ``"ModuleNotFoundError"``.
    message : str
        Its message.
    phase : {"import", "init", "run"}
        The phase in which it was raised; used if nothing more specific is known.
    where : str
        The place in the bundle, such as ``"score.py:12"``.
    evidence : tuple[str, ...]
        Lines of its traceback, with the source line that raised it: that line shows whether a
        missing module is imported by the script or needed by the model.
    library : str
        The import name of the library that raised it; ``""`` if the script did, or if unknown.
    around : Surroundings
        The facts known about the bundle: advice is given only if it can be true for the bundle.

    Returns
    -------
    Diagnosis
        Of a rule such as ``MS104``; else of ``MS501``, ``MS502`` or ``MS503``, by `phase`.
    """
    raised = Raised(
        kind.rpartition(".")[2],
        message,
        phase,
        where=where,
        evidence=evidence,
        library=library,
        around=around,
    )
    return redacted(explain_exactly(raised) or explain_plainly(raised))


def explain_exactly(raised: Raised) -> Diagnosis | None:
    """Return the diagnosis for an exception if a rule knows it."""
    found = (explain(raised) for explain in _EXPLANATIONS)
    return next((diagnosis for diagnosis in found if diagnosis is not None), None)


def explain_plainly(raised: Raised) -> Diagnosis:
    """Return a diagnosis that names the exception, and where to look."""
    cause = f"{raised.actor} raised {raised.brief.rstrip('.')}."
    return raised.diagnosis(_BY_PHASE[raised.phase], cause, _remedy(raised))


def _remedy(raised: Raised) -> str:
    if _CUDA in raised.message:
        return "Load it with map_location='cpu'."
    if raised.around.is_generated:
        return request_errors.of_generated(raised)
    at_fault = ", or the content of the request" if raised.phase == "run" else ""
    return f"Correct {raised.where}{at_fault}." if raised.where else ""
