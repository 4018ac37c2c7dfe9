"""Signs of an environment or an image that cannot be built, and of an image that does not run."""

from __future__ import annotations

from modelship.diagnosis.candidate import HINT, TELLING
from modelship.diagnosis.signs import Sign

__all__ = ["BUILDS", "IMAGES"]

_WHEEL = (
    "Pin a version of {name} that has a wheel for the Python of the service, or ask for a Python "
    "that it has one for."
)

BUILDS = (
    Sign(
        "MS603",
        "No matching distribution found for ",
        "The environment cannot be built: there is no {name} for it to install.",
        r"No matching distribution found for (?P<name>[^\s;(]+)",
        "Correct the name or the version of {name} (pip index versions lists what there is), or "
        "ask for a Python that it has a wheel for.",
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
        "The environment cannot be built: {name}{version} has no wheel that fits.",
        r"Because (?P<name>[\w.-]+)(?P<version>[\w.=]*) has no usable wheels",
        _WHEEL,
    ),
    Sign(
        "MS205",
        "has no wheels with a matching",
        "The environment cannot be built: {name}{version} has no wheel that fits.",
        r"(?P<name>[\w.-]+)(?P<version>[\w.=]*) has no wheels with a matching",
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
IMAGES = (
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
        r"exec: \\?\"(?P<name>azmlinfsrv|gunicorn|runsvdir)\\?\"",
    ),
    Sign(
        "MS202",
        "executable file not found",
        "The image has no program {name}, which is to serve the model.",
        r"exec: \\?\"(?P<name>[\w./-]*python[\d.]*)\\?\"",
        "Use a base image that has Python.",
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
