"""``modelship keys``: print or regenerate the keys of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from modelship.cli.opening import open_service
from modelship.cli.output import as_json_is_asked, emit, say_facts
from modelship.cli.shared_options import (
    config_option,
    json_option,
    name_argument,
    option_option,
    target_option,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["keys"]


@click.command(
    short_help="Print the keys of a service.",
    epilog="Example: modelship keys digits-svc -t aci --regenerate primary",
)
@name_argument
@target_option
@option_option
@click.option(
    "--regenerate",
    type=click.Choice(["primary", "secondary"]),
    help="Regenerate this key first; the old one is refused from then on.",
)
@config_option
@json_option
def keys(
    *,
    name: str,
    target: str | None,
    options: tuple[tuple[str, Any], ...],
    regenerate: Literal["primary", "secondary"] | None,
    config_file: Path | None,
) -> None:
    """Print the keys that the service NAME asks for. They are secrets."""
    place, name = open_service(name, config_file, target=target, options=dict(options))
    deployment = place.get(name)
    found = deployment.regenerate_key(regenerate) if regenerate else deployment.keys()
    document = {"primary": found.primary, "secondary": found.secondary}
    if as_json_is_asked():
        emit(document)
    else:
        say_facts(document)
