"""Load the files of libraries other than scikit-learn in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelship.errors import ModelLoadError, UntrustedModelError
from modelship.sources._globals import Judgement, Use, judge

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["load_native", "load_skops"]


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
