"""``modelship check``: check a bundle before anything is built or uploaded."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import click

from modelship.cli.completing import profiles
from modelship.cli.config import Config
from modelship.cli.opening import open_bundle, open_named, open_target, parts_of
from modelship.cli.output import answer, say_findings
from modelship.cli.serving import environment_options, environment_under
from modelship.cli.shared_options import (
    PATH,
    command,
    config_option,
    name_option,
    quiet_option,
    timeout_option,
    trust_option,
)
from modelship.cli.wording import worded
from modelship.progress import showing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modelship.findings import Finding
    from modelship.sources import Model

__all__ = ["check", "finding_document"]

_FOUND_ERRORS = 5


@command("Check a bundle for problems.", example="check bundle --as aci")
@click.argument("bundle_folder", metavar="[BUNDLE]", required=False, type=PATH)
@click.option(
    "-t", "--target", "--as", "target", metavar="PROFILE", shell_complete=profiles,
    help="The target to check it for: aci, aks, docker, process or online-endpoint.",
)  # fmt: skip
@name_option
@click.option(
    "--trial/--no-trial",
    default=True,
    help="Try init() and run() in the bundle's own environment [default: yes].",
)
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@environment_options
@trust_option
@timeout_option("Seconds for everything [default: 600].")
@quiet_option
@config_option
def check(
    bundle_folder: Path | None,
    *,
    target: str | None,
    name: str | None,
    trial: bool,
    strict: bool,
    variables: tuple[tuple[str, str], ...],
    secrets: tuple[tuple[str, str], ...],
    trust_model: bool,
    timeout_s: float | None,
    quiet: bool,
    config_file: Path | None,
) -> None:
    """Check the bundle in the folder BUNDLE, or what modelship.yaml describes.

    The script, the environment and the model are read, and not run; unless that finds errors,
    init() and run() are then tried on the sample request, with the variables and secrets that the
    service is to have. It exits with 5 if there are errors.
    Each code is explained in docs/reference/rules.md.
    """
    config = Config.find(config_file).overridden_by(name=name, target=target, timeout_s=timeout_s)
    with showing("Check the bundle", shown=not quiet):
        given = environment_under(config, variables, secrets)
        found = _check(bundle_folder, config, given, trial=trial, trust_model=trust_model)
    failed = [each for each in found if each.blocks or strict]
    document = {"findings": [finding_document(each) for each in found], "passed": not failed}
    answer(document, lambda: say_findings(found))
    if failed:
        click.get_current_context().exit(_FOUND_ERRORS)


def finding_document(finding: Finding) -> dict[str, object]:
    """Return a finding as JSON values."""
    told = {"severity": str(finding.severity), "advice": worded(finding.advice)}
    return {**vars(finding), **told}


def _check(
    folder: Path | None,
    config: Config,
    given: Mapping[str, Mapping[str, str]],
    *,
    trial: bool,
    trust_model: bool,
) -> Sequence[Finding]:
    from modelship.bundle import ScoringBundle
    from modelship.errors import BundleError, EnvironmentSpecError, ModelError

    asked = {**_asked(config), "trust_model": trust_model, "variables": given["variables"]}
    tried: dict[str, Any] = {
        "trial": trial,
        "secrets": given["secrets"],
        "timeout_s": config.timeout_s,
        "show_output": False,  # it is shown around all of this
    }
    if folder is not None:
        return ScoringBundle.load(folder).check(**tried, **asked)
    try:
        with open_bundle(config) as bundle:
            return bundle.check(**tried, **asked)
    except (BundleError, EnvironmentSpecError, ModelError):
        return _check_parts(config, asked)


def _asked(config: Config) -> dict[str, Any]:
    """Return the place to check the bundle for: a known one, or the target of a plug-in."""
    from modelship.bundle.profile import PROFILES
    from modelship.targets import DeployTarget

    place = config.target
    if place is not None and place not in PROFILES and place in DeployTarget.available():
        return {"target": open_target(config, options={}), "name": config.name}
    return {"target": place, "name": config.name}


def _check_parts(config: Config, asked: Mapping[str, Any]) -> Sequence[Finding]:
    """Check for parts that no bundle can be made of."""
    from modelship.checks import check_parts
    from modelship.errors import ModelError

    with ExitStack() as stack:
        models: list[Model | str] = []
        for location in config.models or ("",):
            model: Model | str = location
            with suppress(ModelError):  # the check reports the same, along with other findings
                model = stack.enter_context(open_named(location))
            models.append(model)
        return check_parts(models, **parts_of(config, models), **asked)
