"""Start, identify and terminate one server process with all its children."""

from __future__ import annotations

import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from modelship.documents import read_regular
from modelship.errors import TargetUnavailableError
from modelship.targets.process.folders import LOG

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["end", "is_running", "launch"]

MARKER = "MODELSHIP_INSTANCE"

_LAUNCHER = Path(__file__).with_name("launch.py")
_LAUNCH_TIMEOUT_S = 30.0
_KILLING_S = 5.0
_PROCESS_ID = re.compile(rb"[1-9]\d{0,8}")


def launch(
    command: Sequence[str | Path],
    *,
    instance_id: str,
    listener: socket.socket,
    folder: Path,
    environment: Mapping[str, str],
    leash: socket.socket | None = None,
    memory_bytes: int = 0,
) -> None:
    """Start `command` detached from this process, with `listener` as its socket.

    The gate of the name's address is passed on over `leash`, if given. The process id is written to
    ``folder/pid``, the output to ``folder/server.log``. The process and each of its children can
    allocate `memory_bytes`, or any amount if that is 0.

    Raises
    ------
    TargetUnavailableError
        If this machine cannot start it.
    """
    passed = [listener.fileno(), *([leash.fileno()] if leash is not None else [])]
    descriptors = [str(each) for each in (*passed, -1)][:2]
    log = folder / LOG
    files = [folder / "pid", log]
    try:
        run_launcher(
            [command[0], "-I", "-S", _LAUNCHER, *descriptors, *files, str(memory_bytes), *command],
            # SPT_NOENV keeps a setproctitle in the environment from overwriting the marker.
            env={
                **environment,
                "MODELSHIP_LOG_FILE": str(log),
                MARKER: instance_id,
                "SPT_NOENV": "1",
            },
            cwd=environment["AML_APP_ROOT"],
            pass_fds=passed,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise TargetUnavailableError(
            target="process",
            cause=f"the server cannot be launched ({error})",
            advice=f"Check that {command[0]} runs; else remove its environment and deploy again.",
        ) from error


def run_launcher(command: Sequence[str | Path], **options: Any) -> None:
    """Run the launcher, which exits once the server runs.

    Raises
    ------
    OSError, subprocess.SubprocessError
        If it cannot be run, or fails.
    """
    subprocess.run(
        command,
        start_new_session=True,
        timeout=_LAUNCH_TIMEOUT_S,
        check=True,
        capture_output=True,
        **options,
    )


def is_running(instance_id: str, folder: Path) -> bool:
    """Return whether the server that was launched in `folder` still runs."""
    pid = _pid(folder)
    with suppress(psutil.Error):
        return pid is not None and _is_ours(psutil.Process(pid), instance_id, begins=True)
    return False


def end(instance_id: str, folder: Path, *, grace_s: float) -> None:
    """Terminate the server and its children; kill them after `grace_s` seconds.

    They are identified by the marker in their environment, so that the children of a killed server
    are found too, and a process that reuses an old id is left alone.
    """
    server = _pid(folder)
    asked = _server(instance_id, server) if grace_s and server is not None else []
    _signal(asked, psutil.Process.terminate)
    _wait(asked, timeout_s=grace_s)
    end_s = time.monotonic() + _KILLING_S
    # While its members are killed, a process tree can fork another; so look again.
    while time.monotonic() < end_s:
        family = _family(instance_id, server=_pid(folder))
        if not family:
            return
        family = [each for each in family if _is_ours(each, instance_id)]
        _signal(family, psutil.Process.kill)
        _wait(family, timeout_s=_KILLING_S)


def _pid(folder: Path) -> int | None:
    try:
        found = read_regular(folder / "pid", most_bytes=20)
    except (OSError, ValueError):
        return None
    # A process of this user wrote it; any other content is not a valid process id.
    return int(found) if _PROCESS_ID.fullmatch(found) else None


def _server(instance_id: str, pid: int) -> list[psutil.Process]:
    """Return the server alone, if it lives: to look for its children reads all processes."""
    with suppress(psutil.Error):
        found = psutil.Process(pid)
        return [found] if _is_ours(found, instance_id) else []
    return []


def _family(instance_id: str, *, server: int | None = None) -> list[psutil.Process]:
    """Return the processes with our marker, and `server` also before it shows an environment."""
    found = psutil.process_iter()
    return [each for each in found if _is_ours(each, instance_id, begins=each.pid == server)]


def _is_ours(process: psutil.Process, instance_id: str, *, begins: bool = False) -> bool:
    """Return whether the process lives and has our marker: an id may be reused.

    In the middle of execve(2) it shows no environment yet; `begins` says whether that counts too.
    """
    try:
        variables = process.environ()
        ours = variables.get(MARKER) == instance_id or (begins and not variables)
        return ours and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _signal(processes: Sequence[psutil.Process], send: Callable[[psutil.Process], None]) -> None:
    for each in processes:
        with suppress(psutil.Error):  # it exited meanwhile
            send(each)


def _wait(processes: Sequence[psutil.Process], *, timeout_s: float) -> None:
    """Wait until processes have released what they hold, sockets included.

    A process that is killed loses its environment first, and closes its files after that.
    """
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s and any(map(_lives, processes)):
        time.sleep(0.02)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
