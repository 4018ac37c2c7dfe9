"""Check the prerequisites on this machine, each with a remedy; for ``modelship doctor``."""

from __future__ import annotations

import shutil
import socket
import sys
import sysconfig
import tempfile
import threading
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from modelship.cli.azure_clients import misfit, shown_clients
from modelship.cli.wording import hint_of, message_of
from modelship.errors import MissingExtraError, ModelshipError, TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.cli.config import Config

__all__ = ["Seen", "look"]

Status = Literal["ok", "note", "problem"]

_DISTRIBUTION: Final = "modelship-ml"
_PYTHONS: Final = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
_TIMEOUT_S: Final = 20.0
_SERVE_PORT: Final = 5001
_GIB: Final = 2**30
_TIGHT: Final = 5 * _GIB  # a few environments and images
_FULL: Final = _GIB
_PURPOSES: Final = {
    "sklearn": "to evaluate scikit-learn models here",
    "report": "to draw pictures and HTML reports",
    "docker": "to run services in containers",
    "azure": "to use an Azure ML workspace",
    "azure-v2": "to use managed online endpoints",
    "offline": "to run an Azure ML workspace on this machine",
    "parity": "to make random requests for parity",
    "rollout": "for canaries and shadows",
    "server": "for modelship serve",
}


@dataclass(frozen=True)
class Seen:
    """The result of one check.

    Parameters
    ----------
    what : str
        What was checked, such as ``"uv"``.
    status : {"ok", "note", "problem"}
        Whether it is OK; ``note`` is for what only some need.
    found : str
        What was found.
    remedy : str
        One thing to do; empty if there is nothing to do.
    """

    what: str
    status: Status
    found: str
    remedy: str = ""


def look(config: Config, *, timeout_s: float = _TIMEOUT_S) -> list[Seen]:
    """Return the result of each check; all run concurrently, each with a timeout."""
    looks: dict[str, Callable[[], Seen]] = {
        "Python": _python,
        "uv": _uv,
        "package index": _index,
        "Pythons": _pythons,
        "Docker": lambda: _docker(config),
        "disk": _disk,
        "ports": _ports,
        "extras": _extras,
        "Azure ML": _azure_ml,
    }
    found: dict[str, Seen] = {}
    sysconfig.get_config_vars()  # Python fills this on first use, which is not thread-safe
    threads = [
        threading.Thread(target=_into, args=(found, what, one), daemon=True)
        for what, one in looks.items()
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout_s)
    late = f"no answer within {timeout_s:g} s"
    return [
        found.get(what) or Seen(what, "problem", late, "Try again when the machine is less busy.")
        for what in looks
    ]


def _into(found: dict[str, Seen], what: str, one: Callable[[], Seen]) -> None:
    try:
        found[what] = one()
    except ModelshipError as error:
        found[what] = Seen(what, "problem", message_of(error), hint_of(error))
    except Exception as error:  # noqa: BLE001 - the others are still shown
        found[what] = Seen(what, "problem", f"it cannot be checked: {error}")


# --- what everything needs --------------------------------------------------------------


def _python() -> Seen:
    release = ".".join(map(str, sys.version_info[:3]))
    return Seen("Python", "ok", f"{release}, with modelship {metadata.version(_DISTRIBUTION)}")


def _uv() -> Seen:
    from modelship.bundle._uv import run_uv

    asked = run_uv(["--version"], timeout_s=_TIMEOUT_S)
    if not asked.ok:
        return Seen(
            "uv", "problem", f"it does not run: {asked.words}", "pip install --force-reinstall uv"
        )
    return Seen("uv", "ok", asked.stdout.strip().removeprefix("uv "))


def _index() -> Seen:
    """Request one small package from the index, without the cache."""
    from modelship.bundle._uv import run_uv
    from modelship.bundle._uv_explained import explain

    asking = ["pip", "compile", "-", "--no-header", "--no-deps", "--quiet", "--refresh"]
    asked = run_uv(
        [*asking, "--python", sys.executable],
        stdin="packaging\n",
        timeout_s=_TIMEOUT_S / 2,
        asks_index=True,
    )
    if asked.ok:
        return Seen("package index", "ok", "it answers")
    if asked.timed_out:
        words, advice = f"no answer within {_TIMEOUT_S / 2:g} s", ""
    else:
        told = explain(asked.words, python="3.11", on="")
        words, advice = told.problem or asked.words.splitlines()[-1], told.advice
    remedy = advice or "Check the network, the proxy (HTTPS_PROXY) and UV_DEFAULT_INDEX."
    return Seen("package index", "problem", words, remedy)


def _pythons() -> Seen:
    from modelship.runtime.install import installed_pythons

    here = installed_pythons()
    found = ", ".join(here[each] for each in _PYTHONS if each in here)
    missing = [each for each in _PYTHONS if each not in here]
    if not missing:
        return Seen("Pythons", "ok", found)
    uv = "uv" if shutil.which("uv") else f"{Path(sys.executable).name} -m uv"
    remedy = f"If a bundle asks for one of {', '.join(missing)}: {uv} python install {missing[-1]}"
    return Seen("Pythons", "note", f"{found}; not {', '.join(missing)}", remedy)


def _disk() -> Seen:
    from modelship.state_paths import cache_folder, state_folder

    folders = {
        _existing(each) for each in (cache_folder(), state_folder(), Path(tempfile.gettempdir()))
    }
    for folder in folders:
        with tempfile.NamedTemporaryFile(dir=folder):  # raises if nothing can be written
            pass
    free, fullest = min((shutil.disk_usage(each).free, each) for each in folders)
    found = f"{free / _GIB:.1f} GiB free in {fullest}"
    if free >= _TIGHT:
        return Seen("disk", "ok", found)
    remedy = "Free disk space: modelship prune removes what no service uses; uv cache prune, more."
    return Seen("disk", "problem" if free < _FULL else "note", found, remedy)


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def _ports() -> Seen:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))  # raises if no port is available
    if _is_taken(_SERVE_PORT):
        remedy = "Use another port: modelship serve --port 5002."
        return Seen("ports", "note", f"services get free ports; {_SERVE_PORT} is in use", remedy)
    return Seen("ports", "ok", f"services get free ports; {_SERVE_PORT} is free too")


def _is_taken(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


# --- what some need ---------------------------------------------------------------------


def _docker(config: Config) -> Seen:
    """Query the engine, and check whether it has the base image of services."""
    from modelship.runtime.images.engine import connected

    try:
        with connected() as engine:
            cores, memory = engine.capacity()
            image = _base_image(config)
            is_there = engine.image(image) is not None
    except MissingExtraError as error:
        return Seen("Docker", "note", "the Docker SDK is not installed", hint_of(error))
    except TargetUnavailableError as error:
        status: Status = "problem" if config.chosen_target == "docker" else "note"
        return Seen("Docker", status, "no engine answers", hint_of(error))
    has = f"an engine with {cores} cores and {memory / _GIB:.1f} GiB answers"
    if is_there:
        return Seen("Docker", "ok", f"{has}; it has the base image {image}")
    return Seen(
        "Docker", "note", f"{has}; the base image {image} is not pulled yet", f"docker pull {image}"
    )


def _base_image(config: Config) -> str:
    named = config.options.get("docker", {}).get("base_image")
    return str(named or f"python:{sys.version_info[0]}.{sys.version_info[1]}-slim")


def _extras() -> Seen:
    missing = [extra for extra in _PURPOSES if not _is_installed(extra)]
    found = [extra for extra in _PURPOSES if extra not in missing]
    if not missing:
        return Seen("extras", "ok", ", ".join(found))
    why = "; ".join(f"{each} ({_PURPOSES[each]})" for each in missing)
    remedy = f"If you need one: pip install '{_DISTRIBUTION}[{missing[0]}]'"
    return Seen("extras", "note", f"{', '.join(found) or 'none'}; without {why}", remedy)


def _azure_ml() -> Seen:
    if wrong := misfit():
        return Seen("Azure ML", "note", *wrong)
    return Seen("Azure ML", "ok", shown_clients() or "no client is installed")


def _is_installed(extra: str) -> bool:
    """Return whether all packages of an extra are installed, by its metadata."""
    from packaging.requirements import Requirement

    required = map(Requirement, metadata.requires(_DISTRIBUTION) or ())
    return all(
        _has(each.name)
        for each in required
        if each.marker and each.marker.evaluate({"extra": extra})
    )


def _has(package: str) -> bool:
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True
