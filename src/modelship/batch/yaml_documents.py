"""Read the mapping in a YAML file of Azure ML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["mapping_in"]


def mapping_in(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file.

    Raises
    ------
    ValueError
        If it cannot be read, or has no mapping.
    """
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"it is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise ValueError("it is not a mapping of keys to values")  # noqa: TRY004 - of the file
    return found
