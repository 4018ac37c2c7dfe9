"""The releases that can be gone back to: each kept whole in a folder of this machine.

::

    <state>/releases/<digest of the release>/
        bundle/          the bundle, as ScoringBundle.save writes it
        serving.json     how it is served; of a secret, where it is read from and not what it is
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle import ScoringBundle
from modelship.documents import parse, read_regular
from modelship.errors import InvalidOptionError, ModelshipError, StorageError
from modelship.places import state_folder
from modelship.runtime.variables import as_secrets
from modelship.staging import stage_in, storing, write_atomic
from modelship.targets.release import Serving

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from modelship.runtime.variables import Secret
    from modelship.targets.release import Release

__all__ = ["forget", "keep", "kept_bundle", "kept_serving", "known_secrets"]

_BUNDLE: Final = "bundle"
_SERVING: Final = "serving.json"
_MOST_BYTES: Final = 2**20


def keep(release: Release) -> None:
    """Keep a release; one that is kept already costs nothing."""
    folder = _folder(release.digest)
    if folder.exists():
        return
    with storing(folder), stage_in(folder.parent) as stage:
        release.bundle.save(stage / "new" / _BUNDLE)
        write_atomic(stage / "new" / _SERVING, json.dumps(_document(release.serving)), mode=0o600)
        try:
            (stage / "new").rename(folder)
        except FileExistsError:  # another process keeps it too
            return


def kept_bundle(digest: str) -> ScoringBundle:
    """Return the bundle of the release with this digest.

    Raises
    ------
    StorageError
        If the release is not kept on this machine.
    """
    return ScoringBundle.load(_existing(digest) / _BUNDLE)


def kept_serving(digest: str, *, secrets: Mapping[str, str | Secret] | None = None) -> Serving:
    """Return how the release with this digest is served; its secrets are read again.

    Parameters
    ----------
    digest : str
        Of the release.
    secrets : Mapping[str, str or Secret], optional
        In place of where its secrets were read from.

    Raises
    ------
    StorageError
        If the release is not kept on this machine.
    InvalidOptionError
        If a secret cannot be read where it was.
    """
    path = _existing(digest) / _SERVING
    with storing(path):
        found: dict[str, Any] = parse(read_regular(path, most_bytes=_MOST_BYTES))
    sources = {**found.pop("secrets"), **(secrets or {})}
    for name, source in sources.items():
        if not source:
            expected = "given again with secrets=, for it was not read from a place that is known"
            raise InvalidOptionError(f"secrets[{name!r}]", None, expected)
    return Serving(**found, secrets=sources)


def known_secrets(digest: str) -> tuple[str, ...]:
    """Return the secrets of the release with this digest that are still where they were read."""
    found = []
    with suppress(ModelshipError, OSError, ValueError):
        path = _existing(digest) / _SERVING
        sources = parse(read_regular(path, most_bytes=_MOST_BYTES))["secrets"]
        for name, source in sources.items():
            with suppress(InvalidOptionError):
                found += [each.value for each in as_secrets({name: source}, beside={}).values()]
    return tuple(found)


def forget(*, all_but: Iterable[str]) -> None:
    """Remove every release that is kept, but for those of these digests."""
    for folder in _home().glob("*"):
        if folder.name not in {*all_but}:
            shutil.rmtree(folder, ignore_errors=True)


def _document(serving: Serving) -> dict[str, Any]:
    return {
        **vars(serving),
        "capture": str(serving.capture) if serving.capture is not None else None,
        "variables": dict(serving.variables),
        "server_options": dict(serving.server_options),
        "secrets": {name: getattr(each, "source", "") for name, each in serving.secrets.items()},
    }


def _existing(digest: str) -> Path:
    folder = _folder(digest)
    if not folder.is_dir():
        raise StorageError(
            path=str(folder),
            cause="this release is not kept on this machine",
            advice="Deploy its bundle again, or ask on the machine that deployed it.",
        )
    return folder


def _folder(digest: str) -> Path:
    return _home() / digest


def _home() -> Path:
    return state_folder() / "releases"
