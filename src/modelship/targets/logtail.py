"""The part of a service's log that tells why it did not start."""

from __future__ import annotations

__all__ = ["last_lines", "telling_part"]

_MOST_LINES = 40
_LINES_WITHOUT_TRACEBACK = 12

_TRACEBACK = "Traceback (most recent call last)"
# Between the tracebacks of one chain, as Python's traceback module writes it.
_LINKS = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
# Azure ML's server raises this from what the script raised; it says nothing more.
_WRAPPER = "azureml_inference_server_http.server.user_script.UserScript"


def last_lines(log: str, count: int) -> str:
    """Return the last `count` lines of `log`."""
    return "\n".join(log.splitlines()[-count:]) if count > 0 else ""


def telling_part(log: str) -> str:
    """Return the script's last traceback in `log`, with its causes, or else the last lines."""
    lines = log.rstrip().splitlines()
    starts = [n for n, line in enumerate(lines) if _TRACEBACK in line]
    if not starts:
        return "\n".join(lines[-_LINES_WITHOUT_TRACEBACK:])
    links = [n for n, line in enumerate(lines) if line.strip() in _LINKS]
    begin = starts.pop()
    while starts and any(starts[-1] < link < begin for link in links):
        begin = starts.pop()
    wrapped = [
        link for link in links if link > begin and any(_WRAPPER in line for line in lines[link:])
    ]
    end = wrapped[-1] if wrapped else len(lines)
    return "\n".join(lines[begin:end][-_MOST_LINES:]).rstrip()
