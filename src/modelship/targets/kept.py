"""Keep the releases that a name can roll back to in the home that deployed them.

::

    <state>/releases/<target>/<name>/<digest of the release>/
        bundle/          the bundle, as ScoringBundle.save writes it
        serving.json     how it is served, and the options of the place; of a secret, where it is
                         read from and not what it is

Model files that two releases share are one file with two names (hard links): nobody writes to them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from modelship.documents import mapping, optional, parse, read_regular, record, text
from modelship.errors import InvalidOptionError, ModelshipError, StorageError
from modelship.runtime.variables import Secret, as_secrets
from modelship.staging import stage_in, storing, write_atomic
from modelship.state_paths import leads_out, state_folder
from modelship.targets.release import Serving

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.bundle import ScoringBundle
    from modelship.diagnosis import Surroundings
    from modelship.progress import Deadline
    from modelship.targets.release import Release

__all__ = ["BUNDLE", "KeptReleases"]

BUNDLE: Final = "bundle"
"""The folder of the bundle, in the folder of its release."""

_SERVING: Final = "serving.json"
_PLACE: Final = "place"
_MOST_BYTES: Final = 2**20


class KeptReleases:
    """The releases of one name that this machine keeps; a writer holds the name's lock.

    Parameters
    ----------
    target : str
        The name of the target.
    name : str
        The service's name.
    """

    def __init__(self, target: str, name: str) -> None:
        self.folder = state_folder() / "releases" / target / name

    def within(self, deadline: Deadline) -> Self:  # noqa: ARG002 - this machine is always fast
        """Return the same store; requests to another machine end at the deadline."""
        return self

    def keep(self, release: Release) -> None:
        """Store a release; one that is already stored costs nothing.

        Raises
        ------
        StorageError
            If the disk is full; no part of the release is left then.
        """
        from modelship.bundle.store import save

        folder = self.folder / release.digest
        if folder.exists():
            return
        others = [each / BUNDLE for each in self._all()]
        with storing(folder), stage_in(self.folder) as stage:
            new = stage / "new"
            save(release.bundle, new / BUNDLE, like=others, ours=True)
            write_atomic(new / _SERVING, json.dumps(_document(release)), mode=0o600)
            new.rename(folder)

    def bundle(self, digest: str) -> ScoringBundle:
        """Return the bundle of the release with this digest.

        Raises
        ------
        StorageError
            If the release is not kept on this machine.
        """
        from modelship.bundle import ScoringBundle

        return ScoringBundle.load(self.existing(digest) / BUNDLE)

    def serving(self, digest: str, *, secrets: Mapping[str, str | Secret] | None = None) -> Serving:
        """Return the serving of the release with this digest; its secrets are read again.

        Parameters
        ----------
        digest : str
            The digest of the release.
        secrets : Mapping[str, str or Secret], optional
            Sources that replace those of its secrets.

        Raises
        ------
        StorageError
            If the release is not kept on this machine.
        InvalidOptionError
            If a secret cannot be read from its source.
        """
        found = self._document(digest)
        found.pop(_PLACE, None)
        sources = {**found.pop("secrets"), **(secrets or {})}
        for name, source in sources.items():
            if not source:
                expected = "a value in secrets=, since its source is not recorded"
                raise InvalidOptionError(f"secrets[{name!r}]", None, expected)
        return Serving(**found, secrets=sources)

    def place(self, digest: str) -> Mapping[str, Any]:
        """Return the options of the place with which a release was deployed, without secrets.

        Raises
        ------
        StorageError
            If the release is not kept on this machine.
        """
        found: Mapping[str, Any] = self._document(digest).get(_PLACE) or {}
        return found

    def _document(self, digest: str) -> dict[str, Any]:
        path = self.existing(digest) / _SERVING
        try:
            with storing(path):
                found = _SCHEMA(parse(read_regular(path, most_bytes=_MOST_BYTES)), "")
        except (OSError, ValueError) as error:
            raise StorageError(
                path=str(path),
                cause=f"it does not describe how the release is served ({error})",
                advice="Deploy its bundle again.",
            ) from error
        return dict(found)

    def surroundings(self, digest: str) -> Surroundings:
        """Return the facts about a release's bundle; none if it is not kept here."""
        from modelship.checks.bundle_facts import surroundings_of
        from modelship.checks.subject import Subject
        from modelship.diagnosis import Surroundings

        try:
            return surroundings_of(Subject.of(self.bundle(digest)))
        except (ModelshipError, OSError):  # it is optional, and never blocks
            return Surroundings()

    def known_secrets(self, digest: str) -> tuple[str, ...]:
        """Return the secrets of a release that can still be read from their sources."""
        found = []
        with suppress(ModelshipError, OSError, ValueError):
            sources = self._document(digest)["secrets"]
            for name, source in sources.items():
                with suppress(InvalidOptionError):
                    found += [each.value for each in as_secrets({name: source}, beside={}).values()]
        return tuple(found)

    def forget(self, *, but: Collection[str] = ()) -> None:
        """Remove every release of the name except those with these digests."""
        from modelship.runtime.leftovers import remove_folder

        for folder in self._all():
            if folder.name not in but:
                with suppress(OSError):  # the next change tries again
                    remove_folder(folder)
        if not but:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _all(self) -> list[Path]:
        """Return the folder of each release, and the partial folders of killed processes."""
        home = state_folder()
        found = self.folder.glob("*")
        return [each for each in found if each.is_dir() and not leads_out(each, of=home)]

    def others(self, digest: str) -> list[Path]:
        """Return the folder of the bundle of each other release on this machine, newest first."""
        found = [each / BUNDLE for each in self._all() if each.name != digest]
        bundles = [each for each in found if each.is_dir()]
        return sorted(bundles, key=lambda each: each.stat().st_mtime, reverse=True)

    def existing(self, digest: str) -> Path:
        """Return the folder of the release with this digest; raise StorageError without it."""
        folder = self.folder / digest
        if not digest or not folder.is_dir():
            raise StorageError(
                path=str(folder),
                cause="this release is not stored in this home (MODELSHIP_HOME)",
                advice="Deploy its bundle again, or run this on the machine and with the "
                "MODELSHIP_HOME that deployed it.",
            )
        return folder


def _as_it_is(value: Any, _: str) -> Any:
    """Accept anything: the caller validates it."""
    return value


_SCHEMA: Final = record(
    {"secrets": mapping(text())},
    {
        **{each.name: _as_it_is for each in fields(Serving) if each.name != "secrets"},
        _PLACE: optional(mapping(_as_it_is)),
    },
)


def _document(release: Release) -> dict[str, Any]:
    serving = release.serving
    return {
        **vars(serving),
        "capture": str(serving.capture) if serving.capture is not None else None,
        "variables": dict(serving.variables),
        "server_options": dict(serving.server_options),
        "secrets": {name: getattr(each, "source", "") for name, each in serving.secrets.items()},
        _PLACE: {
            name: _plain(value)
            for name, value in release.place.items()
            if value is not None and not isinstance(value, Secret)
        },
    }


def _plain(value: object) -> object:
    """Return an option of a place as a JSON value."""
    if isinstance(value, Mapping):
        return dict(value)
    return value if isinstance(value, (str, int, float, bool)) else str(value)
