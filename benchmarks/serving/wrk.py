"""wrk, which sends the load of the speed measurements: <https://github.com/wg/wrk>."""

from __future__ import annotations

import json
import math
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Load", "require_wrk", "send_load"]

SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Load:
    """What wrk saw in one go.

    Parameters
    ----------
    requests : int
        Requests that were answered, with whatever status.
    duration_s : float
        How long it sent.
    p50_ms, p99_ms : float
        Percentiles of the time to an answer.
    errors : int
        Answers other than 2xx and 3xx, and failures of sockets.
    """

    requests: int
    duration_s: float
    p50_ms: float
    p99_ms: float
    errors: int


def require_wrk() -> None:
    """End with advice where wrk is not installed."""
    if shutil.which("wrk") is None:
        raise SystemExit(
            "The load generator wrk is not installed. On Debian and Ubuntu: apt-get install wrk; "
            "elsewhere: https://github.com/wg/wrk."
        )


def send_load(url: str, *, body: Path, content_type: str, clients: int, duration_s: float) -> Load:
    """Post `body` to `url` from `clients` connections, each with one request at a time."""
    command = [
        "wrk", "--threads", "1", "--connections", str(clients), "--timeout", "30s", "--latency",
        "--duration", f"{math.ceil(duration_s) + 1}s", "--script", str(SCRIPT), url,
        "--", str(body), content_type,
    ]  # fmt: skip
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_ignore_interrupts,  # noqa: PLW1509 - there is one thread here
    ) as wrk:
        # wrk takes whole seconds only, and reports as usual when it is interrupted.
        time.sleep(duration_s)
        wrk.send_signal(signal.SIGINT)
        said = wrk.communicate()[0]
    told = re.search(r"^RESULT (.*)$", said, re.MULTILINE)
    if told is None:
        raise SystemExit(f"wrk ended with {wrk.returncode} and without a result:\n{said}")
    found = json.loads(told[1])
    return Load(
        requests=found["requests"],
        duration_s=found["duration_us"] / 1e6,
        p50_ms=found["p50_us"] / 1e3,
        p99_ms=found["p99_us"] / 1e3,
        errors=found["status"] + found["socket"],
    )


def _ignore_interrupts() -> None:
    """Let an interrupt not end wrk before it handles interrupts itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
