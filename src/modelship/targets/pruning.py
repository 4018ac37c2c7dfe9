"""Remove everything that no service on this machine uses."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from modelship.bundle import ScoringBundle
from modelship.errors import ModelshipError, StorageError
from modelship.runtime.environments import environment_folder
from modelship.runtime.images import labels
from modelship.runtime.images.engine import connected
from modelship.runtime.leftovers import (
    Leftover,
    old_files,
    unused_environments,
    unused_servers,
    used_by_processes,
)
from modelship.state_paths import cache_folder, clearing_caches, leads_out, state_folder
from modelship.targets.history import FolderJournal
from modelship.targets.process.folders import abandoned
from modelship.targets.rolling_back import releases_to_keep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from modelship.runtime.images.engine import Engine
    from modelship.runtime.images.inspection import Image

__all__ = ["Pruned", "prune", "unused_images"]

_OURS: Final = "modelship/"
_SERVICE: Final = "modelship/service:"
_UNFINISHED: Final = "the build that it is a part of was not finished"

_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_MONTH_S: Final = 30 * 24 * _HOUR_S
_STAGED: Final = (
    *(".modelship-*", "*/.modelship-*", "releases/*/*/.modelship-*"),
    *("history/*/.modelship-*", "failures/*/.modelship-*", "environments/*/servers/.modelship-*"),
)


@dataclass(frozen=True)
class Pruned:
    """The removed or removable items.

    Parameters
    ----------
    leftovers : tuple[Leftover, ...]
        Each item that no service needs any more.
    notes : tuple[str, ...]
        The places that could not be inspected, and why.
    """

    leftovers: tuple[Leftover, ...]
    notes: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """The total size of the items."""
        return sum(each.size_bytes for each in self.leftovers)


def prune(*, dry_run: bool, unused_for_s: float, timeout_s: float = 10.0) -> Pruned:
    """Remove everything that no service, running or a rollback target, needs any more.

    Nothing is removed while this user deploys or checks a bundle, and neither can start meanwhile.

    Parameters
    ----------
    dry_run : bool
        Only list the items, and remove nothing.
    unused_for_s : float
        How long an environment, an image or a file has to be unused, in seconds; at least 60.
    timeout_s : float
        How long to wait for running deployments and checks, in seconds.

    Raises
    ------
    StorageError
        If a deployment or a check is in progress.
    """
    # An offline workspace requests an environment, and starts in it a moment later.
    before = time.time() - max(unused_for_s, _MINUTE_S)
    if dry_run:
        return _found(before)
    try:
        with clearing_caches(timeout_s=timeout_s):
            found = _found(before)
            for each in found.leftovers:
                each.remove()
            return found
    except TimeoutError as error:
        raise StorageError(
            path=str(cache_folder()),
            cause="a running deployment or check may need it",
            advice="Run it again when that has finished.",
        ) from error


def _found(before: float) -> Pruned:
    images, notes = _images(before)
    releases, needed = _releases()
    running = used_by_processes()
    environments = [*unused_environments(needed=needed, running=running, before=before)]
    servers = unused_servers(but={each.name for each in environments}, running=running)
    return Pruned((*environments, *servers, *images, *releases, *_drafts(), *_files(before)), notes)


def _images(before: float) -> tuple[list[Leftover], tuple[str, ...]]:
    try:
        with connected() as engine:
            return [*_builds(engine), *unused_images(engine, before=before)], ()
    except ModelshipError as error:
        return [], (f"images are not checked: {error.message}",)


def _builds(engine: Engine) -> Iterator[Leftover]:
    """Yield the containers of killed builds; what they keep is removed the next time."""
    for name in engine.forgotten_containers(labels.BUILD, prefix=labels.BUILD_PREFIX):
        remove = partial(_remove_container, name)
        yield Leftover("container", name, 0, "the process that built with it has exited", remove)


def _remove_container(name: str) -> None:
    with connected() as engine:
        engine.discard(name)


def _releases() -> tuple[list[Leftover], set[Path]]:
    """Return the releases that are no rollback targets, and the environments of all others."""
    home, found, needed = state_folder() / "releases", [], set()
    for folder in sorted(
        each for each in home.glob("*/*/*") if re.fullmatch("[0-9a-f]{64}", each.name)
    ):
        if leads_out(folder.parent, of=state_folder()):
            continue
        if _is_needed(folder):
            with suppress(ModelshipError):  # a damaged one needs nothing
                needed.add(environment_folder(ScoringBundle.load(folder / "bundle").lock))
        else:
            why = "it is no longer a rollback target"
            found.append(Leftover.at(folder, "release", why=why))
    return found, needed


def _is_needed(folder: Path) -> bool:
    """Return whether a rollback may need a release; also if its history is not on this machine."""
    name, target = folder.parent.name, folder.parent.parent.name
    try:
        changes = FolderJournal(state_folder() / "history" / target, name=name).changes()
    except StorageError:
        return True
    return not changes or folder.name in releases_to_keep(changes)


def _drafts() -> Iterator[Leftover]:
    """Yield the partial instance folders of killed processes."""
    home = state_folder()
    for folder in (draft for each in sorted(home.glob("*")) for draft in abandoned(each)):
        if not leads_out(folder, of=home):
            why = "the process that wrote it has exited"
            yield Leftover.at(folder, "draft", why=why)


def _files(before: float) -> Iterator[Leftover]:
    """Yield half-written files older than an hour, and cached files that are expired or unused."""
    cache, hour_ago = cache_folder(), time.time() - _HOUR_S
    why = "the process that wrote it did not finish"
    for home in (state_folder(), cache):
        yield from old_files(home, _STAGED, before=hour_ago, why=why)
    yield from old_files(cache, ["docker/*"], before=hour_ago, why=why)
    why = "it is fetched again when needed"
    asked_again = ["locks/*.txt", "azure/*.txt", "hypothesis/unicode_data/*/*"]
    yield from old_files(cache, asked_again, before=before, why=why)
    why = "the failed deployment is a month old"
    month_ago = time.time() - _MONTH_S
    yield from old_files(state_folder(), ["failures/*/*.json"], before=month_ago, why=why)


def unused_images(engine: Engine, *, before: float) -> Iterator[Leftover]:
    """Yield each image that was built for services, and that no service needs.

    Nothing needs the nameless images of a killed build. Another image is needed if it is below that
    of a container, or below the image of a service: those are removed with the last release
    available for a rollback. The removal frees the name, and the layers that no other image shares.

    Parameters
    ----------
    engine : Engine
        The engine that has the images.
    before : float
        Only images created before this time, in seconds since 1970; except for killed builds.
    """
    images = engine.every_image()
    run = engine.images_of_containers()
    remains = {*engine.forgotten_images(labels.BUILD)} - {each.image_id for each in run}
    of_services = [each for each in images if any(map(_is_of_service, each.names))]
    for image in sorted(images, key=lambda each: len(each.layers), reverse=True):
        if image.image_id in remains:
            why = _UNFINISHED
        elif _is_ours(image) and image.created_at < before:
            if any(_is_below(image, each) for each in (*run, *of_services)):
                continue
            why = "no service uses it" + ("" if image.names else ", and it has no name")
        else:
            continue
        name = image.names[0] if image.names else image.image_id
        remove = partial(_remove_image, name)
        yield Leftover("image", name, image.size_bytes - _shared(image, images), why, remove)


def _is_of_service(name: str) -> bool:
    return name.startswith(_SERVICE)


def _remove_image(name: str) -> None:
    with connected() as engine:
        engine.remove_image(name)


def _is_ours(image: Image) -> bool:
    """Return whether it was built for services, and not for a package of the offline workspace."""
    if labels.BUILD not in image.labels or labels.PACKAGE in image.labels:
        return False
    if not image.names and not image.labels[labels.BUILD]:
        return False  # perhaps a user built it of one of ours
    return all(name.startswith(_OURS) for name in image.names)


def _is_below(image: Image, other: Image) -> bool:
    return other.layers[: len(image.layers)] == image.layers


def _shared(image: Image, others: Sequence[Image]) -> int:
    """Return the size of the largest other image that an image is based on."""
    below = [
        each.size_bytes
        for each in others
        if len(each.layers) < len(image.layers) and _is_below(each, image)
    ]
    return max(below, default=0)
