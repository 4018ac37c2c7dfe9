"""What one exception of a script means: the most exact explanation that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.diagnosis import contract, modules, paths, system, versions
from modelship.diagnosis.raised import Phase, Raised
from modelship.diagnosis.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.findings import Diagnosis

__all__ = ["Phase", "explain_exactly", "explain_exception", "explain_plainly"]

# The first that knows it explains it, so the more exact ones come first.
_EXPLANATIONS: tuple[Callable[[Raised], Diagnosis | None], ...] = (
    contract.explain_syntax,
    contract.explain_contract,
    contract.explain_unserializable,
    contract.explain_body,
    modules.explain_missing_module,
    modules.explain_import_error,
    versions.explain_unpickled_name,
    versions.explain_binary_clash,
    versions.explain_other_version,
    versions.explain_other_python,
    versions.explain_corrupt_model,
    versions.explain_attribute,
    paths.explain_model_lookup,
    paths.explain_environment_variable,
    paths.explain_missing_file,
    system.explain_memory,
    system.explain_exit,
    system.explain_system_call,
    contract.explain_missing_global,
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
    model_files: tuple[str, ...] | None = None,
) -> Diagnosis:
    """Return what an exception of a scoring script means.

    Parameters
    ----------
    kind : str
        The name of its class, with or without its module, such as ``"ModuleNotFoundError"``.
    message : str
        What it says.
    phase : {"import", "init", "run"}
        When it was raised; it decides where nothing more exact is known.
    where : str
        The place in the bundle, such as ``"score.py:12"``.
    evidence : tuple[str, ...]
        Lines of its traceback, with the line of source that raised it: whether a module is missing
        that the script imports or that the model needs is told by that line.
    model_files : tuple[str, ...], optional
        What lies in the model directory, if that is known.

    Returns
    -------
    Diagnosis
        Of a rule such as ``MS104``; else of ``MS501``, ``MS502`` or ``MS503``, by `phase`.
    """
    name = kind.rpartition(".")[2]
    raised = Raised(name, message, phase, where=where, evidence=evidence, model_files=model_files)
    return redacted(explain_exactly(raised) or explain_plainly(raised))


def explain_exactly(raised: Raised) -> Diagnosis | None:
    """Return what an exception means if a rule knows it."""
    found = (explain(raised) for explain in _EXPLANATIONS)
    return next((diagnosis for diagnosis in found if diagnosis is not None), None)


def explain_plainly(raised: Raised) -> Diagnosis:
    """Return that an exception was raised, and where to look."""
    remedy = f"Correct {raised.where}." if raised.where else ""
    if _CUDA in raised.message:
        remedy = "Load it with map_location='cpu'."
    cause = f"{raised.actor} raised {raised.brief.rstrip('.')}."
    return raised.diagnosis(_BY_PHASE[raised.phase], cause, remedy)
