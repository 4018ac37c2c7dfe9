"""Read pickles of dill: only its own ``load()`` resolves their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.errors import ModelLoadError
from modelship.sources.model_format import ScriptLines

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.sources.passport import Passport

__all__ = ["DILL_SCRIPT", "is_by_dill", "load_dill"]

DILL_SCRIPT: Final = ScriptLines(imports=("import dill",), load="dill.load({path})", opens=True)
_JOBLIB: Final = ("joblib.", "sklearn.externals.joblib.")


def is_by_dill(passport: Passport) -> bool:
    """Return whether dill wrote a pickle, not joblib in a program that also imports dill."""
    names = passport.globals if passport.format in ("pickle", "joblib") else ()
    by_joblib = passport.compression or any(name.startswith(_JOBLIB) for name in names)
    return not by_joblib and any(name.startswith("dill.") for name in names)


def load_dill(path: Path) -> Any:
    """Unpickle a file written by dill.

    Raises
    ------
    ModelLoadError
        If dill is not installed.
    """
    try:
        import dill
    except ImportError:
        cause = "dill wrote it, which is not installed here"
        raise ModelLoadError(str(path), cause, advice="pip install dill") from None
    with path.open("rb") as file:
        return dill.load(file)  # noqa: S301 - the caller has asked whether it is trusted
