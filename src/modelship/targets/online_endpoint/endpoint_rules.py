"""Check that a managed online endpoint can serve a release, before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelship.bundle.profile import Profile
from modelship.errors import InvalidOptionError
from modelship.targets.online_endpoint.container_settings import RequestSettings
from modelship.targets.online_endpoint.deployment_records import check_tags
from modelship.targets.online_endpoint.endpoint_assets import check_one_model

if TYPE_CHECKING:
    from modelship.bundle import ScoringBundle
    from modelship.progress import Steps
    from modelship.targets.online_endpoint.deployment_settings import DeploymentSettings
    from modelship.targets.online_endpoint.target_options import TargetOptions
    from modelship.targets.release import Release, Serving

__all__ = ["REFUSED", "check_bundle", "check_serving", "deployment_settings", "say_quota"]

REFUSED: Final = {
    "server": "'azmlinfsrv', which Azure ML starts; or a registry= of the target, for a container "
    "with modelship's server",
    "port": "no value: Azure assigns the address of an endpoint",
    "limits": "no value: the limits are those of the endpoint; request_settings= of the target "
    "sets them",
    "server_options": "no value: Azure ML starts its server with its own settings; "
    "request_settings= of the target sets the timeout of a request",
    "secrets": "none: everyone who can read the workspace sees the variables of a deployment. Give "
    "it a reference to a workspace connection as a plain variable, "
    "'${{azureml://connections/NAME/credentials/KEY}}', or let init() read your own store",
}
"""What a managed online endpoint does not support, and the alternative."""

_NAME: Final = "online-endpoint"


def check_serving(serving: Serving, options: TargetOptions) -> None:
    """Refuse a serving that an endpoint with these options does not support.

    Raises
    ------
    InvalidOptionError
        If it is to be without a key, or its workers do not match the concurrency.
    """
    if serving.auth is False:
        expected = "True or no value: a managed online endpoint always requires a key or a token"
        raise InvalidOptionError("auth", False, expected)
    _requests(serving, options)


def check_bundle(bundle: ScoringBundle, options: TargetOptions) -> None:
    """Refuse a bundle that Azure ML would refuse, or that could not run.

    Raises
    ------
    InvalidOptionError
        If it has several models, invalid tags, or needs more than an instance has.
    """
    if options.registry is None:
        check_one_model(bundle)
    check_tags(bundle.tags)
    machine = options.machine
    if machine is None:
        return
    asked = (
        ("cpu_cores", bundle.resources.cpu_cores, machine.cpu_cores, "cores"),
        ("memory_gb", bundle.resources.memory_gb, machine.memory_gb, "GiB"),
    )
    for option, found, most, unit in asked:
        if found > most:
            expected = f"at most {most:g} {unit}, or a larger instance_type than {machine.name}"
            raise InvalidOptionError(option, found, expected)


def say_quota(options: TargetOptions, steps: Steps) -> None:
    """Show the quota that a new deployment needs, if it is known."""
    machine, count = options.machine, options.deployment.instance_count
    if machine is not None:
        cores = machine.quota_cores(count)
        steps.say(
            f"  it needs a quota of {cores} cores of {machine.family} while it is deployed "
            f"({count} x {machine.name})"
        )


def deployment_settings(release: Release, options: TargetOptions) -> DeploymentSettings:
    """Return the settings of the deployment of a release, without its record."""
    serving = release.serving
    variables = serving.environment(options.limited(Profile(_NAME)))
    return replace(
        options.deployment,
        request_settings=_requests(serving, options),
        environment_variables=variables,
        description=release.bundle.description,
    )


def _requests(serving: Serving, options: TargetOptions) -> RequestSettings:
    """Return the settings of requests, with as many at once as there are workers."""
    given = options.deployment.request_settings or RequestSettings()
    return given.for_workers(serving.workers)
