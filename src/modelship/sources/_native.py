"""Load the files of libraries other than scikit-learn, and of dill, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.errors import ModelLoadError, UntrustedModelError
from modelship.sources._globals import Judgement, Use, judge
from modelship.sources.model_format import ScriptLines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelship.sources.passport import Passport

__all__ = ["DILL_SCRIPT", "is_by_dill", "load_dill", "load_native", "load_skops"]


def load_native(load: Callable[..., Any], path: Path, *, package: str, **options: Any) -> Any:
    """Load a file with a function that imports `package`.

    Raises
    ------
    ModelLoadError
        If the package is not installed.
    """
    try:
        return load(str(path), **options)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise ModelLoadError(
            str(path), f"{package} is not installed", advice=f"pip install {package}"
        ) from None


def load_skops(path: Path, *, trusting: bool = False) -> Any:
    """Load a skops file; only trusted types, and those known here to be safe, are created.

    Parameters
    ----------
    path : Path
        The file.
    trusting : bool
        Whether the file is trusted, so that all types that it names are created.

    Raises
    ------
    ModelLoadError
        If skops is not installed.
    UntrustedModelError
        If the file names a class that is not trusted.
    """
    return load_native(_load_skops, path, package="skops", trusting=trusting)


def _load_skops(path: str, *, trusting: bool) -> Any:
    import skops.io

    named = skops.io.get_untrusted_types(file=path)
    trusted = [each for each in named if trusting or _is_safe(each)]
    if others := sorted({*named} - {*trusted}):
        raise UntrustedModelError(path, [f"skops does not trust {name}" for name in others])
    return skops.io.load(path, trusted=trusted)


def _is_safe(name: str) -> bool:
    """Return whether legitimate files instantiate such a class, or hold such a function."""
    last = name.rpartition(".")[2].lstrip("_")
    use = Use.HOLD if last[:1].islower() else Use.MAKE
    return judge(name, use) is Judgement.KNOWN


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
