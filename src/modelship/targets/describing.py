"""Read the description of a running service, and the schema in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.openapi import EXTENSION
from modelship.errors import ScoringRequestError
from modelship.tables import Schema, SchemaError
from modelship.targets.http_scoring import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ServiceDescription"]

_VERSION: Final = "3"
_NOT_FOUND: Final = 404


@dataclass(frozen=True)
class ServiceDescription:
    """A service's description of itself.

    Attributes
    ----------
    document : Mapping[str, object]
        The OpenAPI 3 document of the service; empty if it has none.
    schema : Schema
        The input and output of its model; ``Schema()`` if not described.
    """

    document: Mapping[str, Any] = field(default_factory=dict)
    schema: Schema = field(default_factory=Schema)

    @classmethod
    def read(
        cls,
        scoring_uri: str,
        *,
        key: str | None = None,
        timeout_s: float = 10.0,
        headers: Mapping[str, str] | None = None,
    ) -> ServiceDescription:
        """Request the description of the service at `scoring_uri`.

        Raises
        ------
        ScoringError
            If it does not answer, or not in time, or requires another key.
        """
        try:
            text = fetch(
                f"{scoring_uri.removesuffix('/score')}/swagger.json?version={_VERSION}",
                timeout_s=timeout_s,
                key=key,
                headers=headers or {},
            )
            document = json.loads(text)
        except (ValueError, RecursionError):
            return cls()
        except ScoringRequestError as error:
            if error.status != _NOT_FOUND:
                raise
            return cls()
        return cls(document, _schema(document)) if isinstance(document, dict) else cls()

    @property
    def key(self) -> str | None:
        """The key under which a request holds its rows, or None if not described."""
        schemas = self.document.get("components", {}).get("schemas", {})
        names = list(schemas.get("ServiceInput", {}).get("properties", {}))
        return names[0] if len(names) == 1 else None

    @property
    def form(self) -> str | None:
        """The form of the rows of a request: ``"records"``; None if not described."""
        return "records" if self.schema.is_table else None


def _schema(document: Mapping[str, Any]) -> Schema:
    try:
        return Schema.from_json(json.dumps(document.get(EXTENSION)))
    except SchemaError:
        return Schema()
