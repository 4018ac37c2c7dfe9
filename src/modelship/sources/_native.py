"""Loading the files of other libraries than scikit-learn in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelship.errors import ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["load_native"]


def load_native(load: Callable[..., Any], path: Path, *, package: str, **options: Any) -> Any:
    """Load a file by a function that imports `package`.

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
