"""``modelship client``: generate a client of a service in another language."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelship.cli.opening import Place, place_options
from modelship.cli.output import answer, say_facts
from modelship.cli.shared_options import PATH, command, name_argument
from modelship.client.languages import LANGUAGES
from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["client"]

_DESCRIBED = "a service that describes itself, as one with a script that modelship wrote does"


@command("Generate a client of a service.", example="client churn --language typescript -o client")
@name_argument
@click.option(
    "--language", type=click.Choice(LANGUAGES), required=True, help="The language of the client."
)
@click.option("-o", "--output", type=PATH, required=True, help="A new folder for the client.")
@place_options
def client(*, name: str, language: str, output: Path, at: Place) -> None:
    """Generate a client of the service NAME from its OpenAPI description.

    NAME may be the scoring URI of a service. Python is written by openapi-python-client, which is
    fetched from PyPI, and TypeScript by @hey-api/openapi-ts, which npx fetches.
    """
    from modelship.client.generating import generate_client
    from modelship.targets.describing import ServiceDescription

    if name.startswith(("http://", "https://")):
        uri, described = name, ServiceDescription.read(name)
    else:
        place, name = at.of_service(name)
        service = place.get(name)
        uri, described = service.scoring_uri, service.describe()
    if not described.schema.columns:
        raise InvalidOptionError("NAME", name, _DESCRIBED)
    folder = generate_client(described.document, language=language, folder=output, uri=uri)
    document = {"folder": str(folder), "language": language, "service": name}
    answer(document, lambda: say_facts(document))
