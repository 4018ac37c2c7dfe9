"""``modelship migrate``: move a service to another target, with a plan first."""

from __future__ import annotations

import json
import shlex
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from modelship.cli.opening import WORKSPACE_OPTIONS, as_typed, open_target
from modelship.cli.output import answer, as_json_is_asked
from modelship.cli.shared_options import (
    PATH,
    command,
    config_option,
    file_option,
    gathered,
    option_option,
    quiet_option,
    timeout_option,
)
from modelship.errors import InvalidOptionError, SampleInputError
from modelship.progress import showing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.cli.config import Config
    from modelship.migration import EndpointPlan, Moved, PlanFolder
    from modelship.targets import Deployment, DeployTarget
    from modelship.workspace import Workspace

__all__ = ["migrate"]

_FROM: Final = "aci"
_TO: Final = "online-endpoint"
_MARKS: Final = {
    "same": ("=", "bright_black"),
    "changed": ("~", "yellow"),
    "gone": ("-", "red"),
    "check": ("!", "yellow"),
}
_TIMEOUT_S: Final = 1800.0

_endpoint = click.option(
    "--endpoint", "endpoint_name", metavar="NAME", help="The endpoint's name [default: NAME]."
)
_folder = click.option(
    "--folder",
    type=PATH,
    help="Write the plan there: the files of az ml, the source and the bundle.",
)
_yes = click.option("--yes", is_flag=True, help="Deploy it; without it only the plan is shown.")
_data = file_option("--data", "A sample request as JSON, for the comparison of the answers.")
_how = gathered(
    (_endpoint, _folder, _data, _yes, quiet_option, timeout_option("Seconds [default: 1800].")),
    into="how",
)


@command(
    "Move a service from Container Instances to an online endpoint.",
    example="migrate aci-service digits-svc --to online-endpoint",
)
@click.argument("kind", type=click.Choice(["aci-service"]), metavar="aci-service")
@click.argument("name")
@click.option("--to", "to", type=click.Choice([_TO]), default=_TO, help="The target.")
@_how
@option_option
@config_option
def migrate(
    *,
    kind: str,  # noqa: ARG001 - there is one
    name: str,
    to: str,  # noqa: ARG001 - there is one
    how: dict[str, Any],
    options: tuple[tuple[str, Any], ...],
    config_file: Path | None,
) -> None:
    """Show what becomes of the service NAME on an online endpoint, and deploy it with --yes.

    The plan lists what stays the same (=), changes (~), has no counterpart (-), and what you have
    to check (!). With --folder it is written too, and can be deployed with az ml alone. With --yes
    it is deployed, and the answers of both services to the sample request are compared. The old
    service keeps running.
    """
    from modelship.cli.config import Config

    asked = _Asked(Config.find(config_file), dict(options), how, config_file)
    with showing("Read the service", shown=not how["quiet"]):
        old = asked.open(_FROM, asked.of_workspace).get(name)
        workspace, plan = _read(name, asked)
    if not as_json_is_asked():
        _say_plan(plan)
    moved = None
    with _written(plan, workspace, old, how) as folder:
        if how["yes"] and folder is not None:
            moved = _moved(plan, folder, old, asked)
    _tell(plan, moved, asked)


@dataclass(frozen=True)
class _Asked:
    """What was typed: the settings of the file, the options of the target, and the others."""

    config: Config
    options: dict[str, Any]
    how: dict[str, Any]
    config_file: Path | None

    @property
    def to_deploy(self) -> str:
        """The rest of the command that deploys this plan."""
        chosen = {"--endpoint": self.how["endpoint_name"], "--data": self.how["data"]}
        words = "".join(f" {flag} {shlex.quote(text)}" for flag, text in chosen.items() if text)
        return f"--to {_TO}{words}{as_typed(self.options, self.config_file)} --yes"

    @property
    def to_old(self) -> str:
        """The rest of a command about the old service."""
        typed = {name: self.options[name] for name in WORKSPACE_OPTIONS if name in self.options}
        return f"-t {_FROM}{as_typed(typed, self.config_file)}"

    @property
    def of_workspace(self) -> dict[str, Any]:
        """The options that say where the workspace is, as typed or of either target."""
        of_file = self.config.options
        found = {**of_file.get(_TO, {}), **of_file.get(_FROM, {}), **self.options}
        return {name: value for name, value in found.items() if name in WORKSPACE_OPTIONS}

    def open(self, target: str, options: dict[str, Any]) -> DeployTarget:
        """Return a target."""
        return open_target(self.config.overridden_by(target=target), options=options)


def _read(name: str, asked: _Asked) -> tuple[Workspace, EndpointPlan]:
    from modelship.migration import AciService, EndpointPlan
    from modelship.workspace import Workspace

    workspace = Workspace.open(**asked.of_workspace)
    service = AciService.read(workspace, name)
    return workspace, EndpointPlan.of(service, endpoint_name=asked.how["endpoint_name"])


@contextmanager
def _written(
    plan: EndpointPlan, workspace: Workspace, old: Deployment, how: dict[str, Any]
) -> Iterator[PlanFolder | None]:
    from modelship.migration import PlanFolder

    if not how["folder"] and not how["yes"]:
        yield None
        return
    sample = _sample(how["data"])
    with tempfile.TemporaryDirectory(prefix="modelship-") as scratch:
        folder = how["folder"] or Path(scratch, "plan")
        with showing("Write the plan", shown=not how["quiet"]):
            written = PlanFolder.write(
                plan, folder, workspace=workspace, old=old, sample_input=sample
            )
        yield written


def _sample(path: str | None) -> object:
    if path is None:
        return None
    try:
        return json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InvalidOptionError("--data", path, "an existing JSON file") from error
    except ValueError as error:
        raise SampleInputError(
            f"{path} is not JSON; {error}", "Write the request as JSON."
        ) from error


def _moved(plan: EndpointPlan, folder: PlanFolder, old: Deployment, asked: _Asked) -> Moved:
    from modelship.migration import move

    options = {**plan.target_options, **asked.of_workspace, **asked.options}
    return move(
        plan,
        folder.bundle,
        old=old,
        target=asked.open(_TO, options),
        timeout_s=asked.how["timeout_s"] or _TIMEOUT_S,
        show_output=not asked.how["quiet"],
    )


# --- what is printed --------------------------------------------------------------------


def _say_plan(plan: EndpointPlan) -> None:
    click.echo(f"{plan.service.name} on aci -> the endpoint {plan.endpoint_name}")
    for row in plan.rows:
        mark, color = _MARKS[row.kind]
        arrow = f" -> {row.after}" if row.after else ""
        click.echo(f"{click.style(mark, fg=color, bold=True)} {row.what:<26} {row.before}{arrow}")


def _tell(plan: EndpointPlan, moved: Moved | None, asked: _Asked) -> None:
    from modelship.migration import PlanFolder

    folder, name = asked.how["folder"], plan.service.name
    commands = [*PlanFolder(folder).commands] if folder else []
    document = {
        **plan.to_document(),
        "folder": str(folder) if folder else None,
        "commands": commands,
        "scoring_uri": moved.deployment.scoring_uri if moved else None,
        "is_compared": moved.is_compared if moved else None,
    }
    answer(document, lambda: click.echo("\n".join(_lines(name, commands, moved, asked))))


def _lines(name: str, commands: list[str], moved: Moved | None, asked: _Asked) -> Iterator[str]:
    if moved is None:
        if commands:
            yield "To deploy it without modelship:"
            yield from (f"  {each}" for each in commands)
        yield f"To deploy it: modelship migrate aci-service {name} {asked.to_deploy}"
        return
    compared = (
        "Both services give the same answer to the sample request."
        if moved.is_compared
        else "The answers were not compared: there is no sample request (--data FILE), or "
        f"{name} is not healthy."
    )
    yield f"{moved.deployment.name} answers at {moved.deployment.scoring_uri}"
    yield compared
    yield f"{name} still runs on aci. When nobody calls it: modelship delete {name} {asked.to_old}"
