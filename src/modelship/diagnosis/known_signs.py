"""The signs that are known, by what they are of. The texts are those that the programs write."""

from __future__ import annotations

from modelship.diagnosis.signs import HINT, TELLING, Sign

__all__ = ["SIGNS"]

# Without a full stop: what went on then is added.
_KILLED = "The service was killed for memory: it took more than it may have"
_PERHAPS = "The server's worker was killed, most likely since it took more memory than it may have"
_CRASHED = "Compiled code crashed the server ({name})."
_WHEEL = "Pin a version of {name} that has a wheel for the Python and the platform of the service."

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
_BUILDS = (
    Sign(
        "MS603",
        "No matching distribution found for ",
        "The environment cannot be built: there is no {name} for it to install.",
        r"No matching distribution found for (?P<name>[^\s;(]+)",
        "Correct the name or the version of {name}: pip index versions lists what there is.",
    ),
    Sign(
        "MS603",
        "was not found in the package registry",
        "The environment cannot be built: there is no package {name}.",
        r"Because (?P<name>[\w.-]+) was not found in the package registry",
        "Correct the name {name}.",
    ),
    Sign(
        "MS204",
        "there is no version of ",
        "The environment cannot be built: there is no {name}.",
        r"there (?:is no version|are no versions) of (?P<name>[\w.<>=!~-]+)",
        "Name a version that there is.",
    ),
    Sign(
        "MS204",
        "have conflicting dependencies",
        "The environment cannot be built: {name} cannot be installed together.",
        r"Cannot install (?P<name>.+?) because these package versions",
    ),
    Sign(
        "MS204", "ResolutionImpossible", "The requirements contradict each other.", weight=TELLING
    ),
    Sign(
        "MS204",
        "No solution found when resolving dependencies",
        "The requirements contradict each other.",
        weight=TELLING,
    ),
    Sign("MS204", "UnsatisfiableError", "The requirements contradict each other.", weight=TELLING),
    Sign(
        "MS205",
        "has no usable wheels",
        "The environment cannot be built: {name} has no wheel that fits.",
        r"Because (?P<name>[\w.=-]+) has no usable wheels",
        _WHEEL,
    ),
    Sign(
        "MS205",
        "has no wheels with a matching",
        "The environment cannot be built: {name} has no wheel that fits.",
        r"(?P<name>[\w.=-]+) has no wheels with a matching",
        _WHEEL,
    ),
    Sign(
        "MS205",
        "Failed building wheel for ",
        "The environment cannot be built: {name} has no wheel that fits, and does not compile.",
        r"Failed building wheel for (?P<name>[\w.-]+)",
        _WHEEL,
    ),
    Sign(
        "MS205",
        "is not a supported wheel on this platform",
        "The wheel {name} is for another platform or Python.",
        r"(?P<name>\S+\.whl) is not a supported wheel",
        "Take the wheel for the service's platform and Python.",
    ),
    Sign(
        "MS205",
        "metadata-generation-failed",
        "A package has no wheel that fits, and does not compile.",
        weight=TELLING,
    ),
    Sign(
        "MS603",
        "PackagesNotFoundError",
        "The environment cannot be built: conda does not find a package.",
        weight=TELLING,
    ),
    Sign(
        "MS603",
        "ResolvePackageNotFound",
        "The environment cannot be built: conda does not find a package.",
        weight=TELLING,
    ),
    Sign("MS603", "Pip failed", "The environment cannot be built: pip failed.", weight=HINT),
    Sign(
        "MS603",
        "CondaHTTPError",
        "The environment cannot be built: conda does not reach its channel.",
        remedy="Check the network and the channels of the environment, and deploy again.",
    ),
    Sign("MS603", "EnvironmentBuildFailed", "The environment cannot be built.", weight=HINT),
    Sign("MS603", "ImageBuildFailure", "The image cannot be built.", weight=HINT),
    Sign(
        "MS603",
        "returned a non-zero code: ",
        "The image cannot be built: {command} failed.",
        r"The command '(?P<command>[^']+)' returned a non-zero code",
        weight=HINT,
    ),
    Sign("MS603", "failed to solve: ", "The image cannot be built.", weight=HINT),
)
_IMAGES = (
    Sign(
        "MS605",
        "xec format error",
        "The image is for another kind of processor than the machine's.",
        remedy="Build it for the machine that runs it: docker build --platform linux/amd64.",
    ),
    Sign(
        "MS605",
        "no matching manifest for ",
        "There is no image for {platform}.",
        r"no matching manifest for (?P<platform>[\w/]+)",
    ),
    Sign(
        "MS609",
        "pull access denied for ",
        "The image {image} is not there, or may not be pulled.",
        r"pull access denied for (?P<image>[^\s,]+)",
    ),
    Sign(
        "MS609",
        "manifest unknown",
        "The registry has no image of this name and tag.",
        weight=TELLING,
    ),
    Sign(
        "MS609",
        "Failed to pull image",
        "The image {image} cannot be pulled.",
        r"Failed to pull image \\?\"?(?P<image>[^\s\"\\]+)",
    ),
    Sign(
        "MS609",
        "Unable to find image ",
        "The image {image} is neither here nor in its registry.",
        r"Unable to find image '(?P<image>[^']+)'",
        weight=HINT,
    ),
    Sign("MS609", "ImagePullBackOff", "The image cannot be pulled.", weight=TELLING),
    Sign("MS609", "ErrImagePull", "The image cannot be pulled.", weight=TELLING),
    Sign("MS609", "InaccessibleImage", "Azure cannot pull the image.", weight=TELLING),
    Sign(
        "MS202",
        "executable file not found",
        "The image has no program {name}, which is to serve the model.",
        r"exec: \\?\"(?P<name>azmlinfsrv|gunicorn|runsvdir|[\w./-]*python\d?)\\?\"",
    ),
    Sign(
        "MS202",
        "No module named azureml_inference_server_http",
        "Azure ML's inference server is not installed there.",
    ),
    Sign(
        "MS202",
        "azmlinfsrv: ",
        "Azure ML's inference server is not installed there.",
        r"azmlinfsrv: (?:command )?not found",
    ),
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
    *(_LOOPS + _HEALTH + _FILES + _CAPACITY + _IMAGES),
    *(_BUILDS + _PORTS + _ENDS + _CRASHES + _MEMORY),
)
"""Every sign."""
