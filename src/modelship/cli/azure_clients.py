"""Check whether Azure ML's clients on this machine fit together; for ``modelship doctor``."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Final

from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["misfit", "shown_clients"]

_CLIENTS: Final = ("azureml-core", "azure-ai-ml", "azure-identity")
_LEAST_ML: Final = Version("1.27")  # as in the extra azure-v2
_CAPPED: Final = Version("1.26.3")  # the first release that requires marshmallow<4
_UPGRADE: Final = "pip install 'modelship-ml[azure-v2]' 'marshmallow<4'"


def installed_version(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def shown_clients(version_of: Callable[[str], str | None] = installed_version) -> str:
    """Return the installed clients with their versions, such as ``"azure-ai-ml 1.35.2"``."""
    found = {each: version_of(each) for each in _CLIENTS}
    return ", ".join(f"{name} {version}" for name, version in found.items() if version)


def misfit(
    version_of: Callable[[str], str | None] = installed_version,
) -> tuple[str, str] | None:
    """Return what is wrong with the installed azure-ai-ml, and what to type; None if nothing is.

    Parameters
    ----------
    version_of : callable
        Takes the name of a package, and returns its version; None if it is not installed.
    """
    found = version_of("azure-ai-ml")
    if found is None:
        return None
    marshmallow = version_of("marshmallow") or "0"
    if Version(marshmallow).major >= 4:  # noqa: PLR2004 - the major release that broke it
        capped = "" if Version(found) >= _CAPPED else ", and does not say so"
        return f"azure-ai-ml {found} cannot use marshmallow {marshmallow}{capped}", _UPGRADE
    if Version(found) < _LEAST_ML:
        return f"azure-ai-ml {found} is too old: {_LEAST_ML} or newer is needed", _UPGRADE
    if version_of("azure-identity") is None:
        return f"azure-ai-ml {found} has no azure-identity to sign in with", _UPGRADE
    return None
