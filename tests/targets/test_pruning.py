"""What pruning removes, and what it leaves: all that a service runs on, or may go back to."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest

from modelship.bundle import Environment
from modelship.errors import DeploymentTimeoutError, StorageError
from modelship.runtime.environments import environment_folder
from modelship.runtime.images import labels
from modelship.runtime.images.inspection import Image
from modelship.runtime.servers import SERVERS
from modelship.state_paths import cache_folder, clearing_caches, state_folder, using_caches
from modelship.targets import DeployTarget, Serving
from modelship.targets.history import Change, FolderJournal
from modelship.targets.kept import KeptReleases
from modelship.targets.pruning import prune, unused_images
from modelship.targets.release import Release
from modelship.testing import offline_bundle, script_bundle
from waiting import wait_until

SCRIPT = "def init():\n    pass\n\ndef run(raw_data):\n    return 1\n"
LONG_AGO = 10**9


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Let this machine have nothing of modelship yet, and no engine."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")


@pytest.fixture
def release(tmp_path):
    """Return what makes releases, each another one."""
    environment = Environment(python="3.11", requirements=())
    bundle = script_bundle(SCRIPT, folder=tmp_path, environment=environment)
    return lambda number: Release(offline_bundle(bundle), Serving(variables={"N": str(number)}))


def environment(name):
    """Make what looks like an environment that was asked for long ago."""
    folder = name if isinstance(name, os.PathLike) else cache_folder() / "environments" / name
    (folder / "bin").mkdir(parents=True)
    (folder / ".modelship-complete").write_text("digest")
    os.utime(folder / ".modelship-complete", (LONG_AGO, LONG_AGO))
    return folder


def removed(**options):
    found = prune(**{"dry_run": False, "unused_for_s": 3600, **options})
    return {each.name for each in found.leftovers}


def test_an_environment_in_which_nothing_runs_is_removed():
    """One that was asked for lately stays, and one that a process names."""
    unused, recent, running = (environment(name) for name in ("unused", "recent", "running"))
    os.utime(recent / ".modelship-complete")
    command = [sys.executable, "-c", "input()"]
    variables = {"PATH": f"{running}/bin:/usr/bin"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=variables) as process:
        wait_until(psutil.Process(process.pid).environ)  # first it is in the middle of execve(2)
        assert removed() == {str(unused)}
        process.stdin.close()
    assert (unused.exists(), recent.exists(), running.exists()) == (False, True, True)


def test_what_a_name_may_go_back_to_stays_with_its_environment(release):
    """A release that the history does not go back to is removed; the others need theirs."""
    kept = KeptReleases("process", "svc-a")
    releases = [release(number) for number in range(6)]
    journal = FolderJournal(state_folder() / "history" / "process", name="svc-a")
    for number, each in enumerate(releases, 1):
        kept.keep(each)
        journal.write(Change.begun("update", each.record(), number=number).ended("ended"))
    needed = environment(environment_folder(releases[0].bundle.lock))
    found = removed()
    assert {name.rpartition("/")[2] for name in found} == {each.digest for each in releases[:2]}
    assert needed.exists()
    assert kept.bundle(releases[2].digest).digest == releases[2].bundle.digest


def test_the_server_of_another_release_of_modelship_is_removed():
    """The present one stays, for the next service."""
    folder = environment("one")
    os.utime(folder / ".modelship-complete")
    current = SERVERS["modelship"].digest[:8]
    for name in (f"{current}-00000000", "00000000-00000000"):
        (folder / "servers" / name).mkdir(parents=True)
    assert removed() == {str(folder / "servers" / "00000000-00000000")}


def test_what_a_process_that_is_gone_has_left_is_removed():
    """Half-written folders of instances and half-made caches go; those of live processes stay."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    drafts = [state_folder() / "process" / f".draft-{pid}-a" for pid in (process.pid, os.getpid())]
    scratch, fresh = (cache_folder() / "docker" / name for name in ("old", "new"))
    failures = [state_folder() / "failures" / "process" / f"{name}.json" for name in "ab"]
    for folder in (*drafts, scratch, fresh, *failures):
        folder.mkdir(parents=True)
    for folder in (scratch, failures[0]):
        os.utime(folder, (LONG_AGO, LONG_AGO))
    assert removed() == {str(drafts[0]), str(scratch), str(failures[0])}
    assert drafts[1].exists()
    assert fresh.exists()


def test_nothing_behind_a_link_is_removed(release, tmp_path):
    """The destination of a link in modelship's folders is not modelship's."""
    elsewhere = tmp_path / "elsewhere"
    for name in ("ab" * 32, ".modelship-a", ".draft-999999999-a", "a.json"):
        (elsewhere / name).mkdir(parents=True)
        os.utime(elsewhere / name, (LONG_AGO, LONG_AGO))
    state = state_folder()
    links = [state / "releases" / "process" / "svc-a", state / "failures" / "process"]
    for link in (*links, state / "other", cache_folder() / "docker"):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(elsewhere)
    journal = FolderJournal(state / "history" / "process", name="svc-a")
    journal.write(Change.begun("deploy", release(1).record()).ended("serving"))
    assert removed() == set()
    KeptReleases("process", "svc-a").forget()
    assert len([*elsewhere.iterdir()]) == 4


def test_a_dry_run_tells_the_same_and_removes_nothing():
    """What it lists, with its size, is what is removed without it."""
    folder = environment("unused")
    (folder / "bin" / "python").write_bytes(b"\0" * 100_000)
    found = prune(dry_run=True, unused_for_s=0)
    assert found.size_bytes >= 100_000
    assert folder.exists()
    assert "images are not checked" in found.notes[0]
    assert removed(unused_for_s=0) == {each.name for each in found.leftovers}


def test_nothing_is_removed_while_a_deployment_or_a_check_is_under_way():
    """Who deploys holds the caches, and pruning says so instead of waiting without end."""
    folder = environment("unused")
    with using_caches(timeout_s=1), pytest.raises(StorageError, match="may need it"):
        prune(dry_run=False, unused_for_s=0, timeout_s=0.1)
    assert folder.exists()


def test_a_deployment_waits_while_something_is_removed(release):
    """It begins once pruning has ended, so that nothing goes away under it."""
    with clearing_caches(timeout_s=1), pytest.raises(DeploymentTimeoutError):
        DeployTarget.open("memory").deploy(
            release(1).bundle, name="svc-a", timeout_s=0.1, show_output=False
        )


def image(name, *layers, ours=True, at=0.0):
    told = {labels.BUILD: "x"} if ours else {}
    size = 100 * len(layers)
    return Image(f"sha256:{name}", (name,) if name else (), "amd64", told, layers, size, at)


def test_an_image_that_no_service_stands_on_is_removed():
    """Images of others, new ones, and those below a container or a service's image stay."""
    used = image("modelship/environment:used", "base", "a")
    images = [
        image("python:3.11", "base", ours=False),
        used,
        image("modelship/environment:kept", "base", "b"),
        image("modelship/service:kept", "base", "b", "c", "d"),
        image("modelship/environment:unused", "base", "e"),
        image("modelship/server:unused", "base", "e", "f"),
        image("modelship/environment:new", "base", "g", at=99.0),
        image("registry.example/package:1", "base", "h"),
        image("", "base", "i"),
    ]
    engine = SimpleNamespace(
        every_image=lambda: images,
        images_of_containers=lambda: [image("other/container:1", "base", "a", "z")],
        forgotten_images=lambda label: [],
    )
    found = [(each.name, each.size_bytes) for each in unused_images(engine, before=50.0)]
    assert found == [
        ("modelship/server:unused", 100),
        ("modelship/environment:unused", 100),
        ("sha256:", 100),
    ]


def test_what_a_killed_build_has_left_is_removed_at_once():
    """It has no name, and may be new; one that a container uses stays."""
    killed, held, new = (image("", "base", each, at=99.0) for each in ("a", "b", "c"))
    killed, held = replace(killed, image_id="killed"), replace(held, image_id="held")
    engine = SimpleNamespace(
        every_image=lambda: [killed, held, new],
        images_of_containers=lambda: [held],
        forgotten_images=lambda label: [killed.image_id, held.image_id],
    )
    assert [each.name for each in unused_images(engine, before=50.0)] == ["killed"]
