"""The signs that are known, by what they are of. The texts are those that the programs write."""

from __future__ import annotations

from modelship.diagnosis.build_signs import BUILDS, IMAGES
from modelship.diagnosis.candidate import HINT, TELLING
from modelship.diagnosis.signs import Sign

__all__ = ["SIGNS"]

# Without a full stop: what went on then is added.
_KILLED = "The service was killed for memory: it took more than it may have"
_PERHAPS = "The server's worker was killed, most likely since it took more memory than it may have"
_CRASHED = "Compiled code crashed the server ({name})."

_MEMORY = (
    Sign("MS505", "was sent SIGKILL! Perhaps out of memory?", _PERHAPS),
    Sign("MS505", "was terminated due to signal 9", _PERHAPS),
    Sign("MS505", "OOMKilled", _KILLED, r"OOMKilled(?!\"?:\s*false)"),
    Sign("MS505", "emory cgroup out of memory", _KILLED),
    Sign("MS505", "Out of memory: Kill", _KILLED),
    Sign("MS505", "std::bad_alloc", _KILLED),
    Sign(
        "MS505", "137", _KILLED, r"(?i)exit(?:ed with)? ?(?:code|status)\"?:?\s+137\b", weight=HINT
    ),
)
_CRASHES = (
    Sign("MS507", "Fatal Python error: ", _CRASHED, r"Fatal Python error: (?P<name>[\w ]+)"),
    Sign("MS507", "was sent SIG", _CRASHED, r"was sent (?P<name>SIG(?:SEGV|ILL|ABRT|BUS|FPE))!"),
    Sign(
        "MS507",
        "was terminated due to signal",
        _CRASHED,
        r"due to (?P<name>signal (?:11|4|6|7|8))\b",
    ),
    Sign("MS507", "(core dumped)", _CRASHED, r"(?P<name>[A-Z][\w ]+) \(core dumped\)"),
    Sign(
        "MS507",
        "13",
        _CRASHED,
        r"(?i)exit(?:ed with)? ?(?:code|status)\"?:?\s+(?P<name>139|132|134|135)\b",
        weight=HINT,
    ),
)
_ENDS = (
    Sign(
        "MS506",
        "exited with code ",
        "The script ended the server's worker, with exit code {code}.",
        r"Worker \(pid:\d+\) exited with code (?!0\b|3\b)(?P<code>\d+)",
    ),
    Sign(
        "MS504",
        "DeploymentTimedOut",
        "Azure gave up waiting for the service to be healthy.",
        remedy="Look at the service's own log (modelship logs), and load less in init().",
        weight=HINT,
    ),
)
_PORTS = (
    Sign(
        "MS601",
        "Connection in use: (",
        "The port {port} is in use already, so the server cannot listen on it.",
        r"Connection in use: \('[^']*', (?P<port>\d+)\)",
        "Let the script start no server of its own, and end whatever else listens on {port}.",
    ),
    Sign(
        "MS601",
        "ddress already in use",
        "The port is in use already, so the server cannot listen on it.",
        weight=TELLING,
    ),
    Sign(
        "MS601",
        "invalid validate_port value",
        "The server was told to listen on {port}, which is no port.",
        r"value: '(?P<port>[^']*)'",
        "Give a port from 1 to 65535.",
    ),
    Sign(
        "MS601",
        " * Running on http://",
        "The script starts a server of its own, on port {port}; Azure ML's server is never ready.",
        r":(?P<port>\d+)/?$",
        "Take app.run() out of the script: Azure ML's server calls init() and run().",
        TELLING,
    ),
)
_HEALTH = (
    Sign("MS602", "probe failed", "The health check does not get an answer.", weight=HINT),
    Sign("MS602", "ping health check", "The health check does not get an answer.", weight=HINT),
)
_CAPACITY = (
    Sign("MS610", "QuotaReached", "The subscription's quota is used up.", weight=TELLING),
    Sign("MS610", "QuotaExceeded", "The subscription's quota is used up.", weight=TELLING),
    Sign(
        "MS610",
        "container group quota",
        "The subscription's quota of {quota} in {region} is used up.",
        r"quota '(?P<quota>\w+)' exceeded in region '(?P<region>\w+)'",
        "Ask for fewer cpu_cores, delete services that nobody needs, or deploy to another region.",
    ),
    Sign(
        "MS610",
        "exceeded resource limitation on container",
        "It asks for more cpu_cores or memory_gb than a container can have.",
        remedy="Ask for less with cpu_cores and memory_gb.",
    ),
    Sign(
        "MS610",
        "nodes are available: ",
        "No node of the cluster has as much as the service asks for.",
        r"Insufficient (?P<what>cpu|memory)",
        "Ask for less with cpu_cores and memory_gb, or add a node.",
    ),
    Sign("MS610", "Couldn't Schedule", "The cluster has no room for the service."),
    Sign("MS610", "InsufficientCapacity", "The region has no room for the service."),
    Sign("MS610", "is not available in the location", "The region has no room for the service."),
)
_FILES = (
    Sign("MS608", "No space left on device", "The disk is full."),
    Sign("MS606", "Read-only file system", "Something writes to read-only files.", weight=HINT),
    Sign("MS607", "Permission denied", "Something may not be read or written.", weight=HINT),
)
_BODIES = (
    Sign(
        "MS511",
        "The body of this request is not JSON: ",
        "The body is not JSON: {what}.",
        r"is not JSON: (?P<what>.+?)\. Write the body",
        "Write the body with json.dumps, and arrays as array.tolist().",
    ),
)
_LOOPS = (
    Sign("MS604", "CrashLoopBackOff", "The container ends again and again.", weight=HINT),
    Sign("MS604", "Back-off restarting failed", "The container ends again and again.", weight=HINT),
    Sign(
        "MS604",
        "may be caused by errors in your scoring file",
        "The container ends again and again, most likely in init().",
        weight=HINT,
    ),
)

SIGNS = (
    *(_LOOPS + _HEALTH + _FILES + _CAPACITY + IMAGES + _BODIES),
    *(BUILDS + _PORTS + _ENDS + _CRASHES + _MEMORY),
)
"""Every sign."""
