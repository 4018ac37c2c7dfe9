"""Describe the service of a generated script in OpenAPI 3.0, OpenAPI 3.1 and Swagger 2.

The files are next to the script, with the names under which Azure ML's server and modelship's
server send them as ``/swagger.json?version=…``. They contain the schema itself as
``x-modelship-schema``, so a client can read the schema from the service.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.sources import Model
    from modelship.tables import Column, Schema

__all__ = ["EXTENSION", "descriptions"]

EXTENSION: Final = "x-modelship-schema"
"""The path of the schema in a description."""

_FILES: Final = {"2.0": "swagger2.json", "3.0.3": "swagger3.json", "3.1.0": "swagger3.1.json"}
_TYPES: Final = {
    "integer": "number",  # a fraction is accepted too
    "number": "number",
    "boolean": "boolean",
    "text": "string",
    "date": "string",
}
_SHOWN: Final = 20
_ABOUT: Final = "Rows of a table in, predictions out."
_TAKES: Final = (
    "The rows of a table. Instead of an object, a row may be a list of its values in the order of "
    "the columns; the forms of MLflow's scoring server are taken as well."
)


def descriptions(
    model: Model, *, schema: Schema, key: str, has_probabilities: bool
) -> Mapping[str, str]:
    """Return the documents by file name.

    Parameters
    ----------
    model : Model
        The model whose name and version become those of the service.
    schema : Schema
        The schema of the model.
    key : str
        The key of the rows in a request.
    has_probabilities : bool
        Whether the answer contains the probability of each class.
    """
    return {
        file: json.dumps(
            _Writer(version).document(model, schema, key, has_probabilities=has_probabilities),
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
        for version, file in _FILES.items()
    }


class _Writer:
    """Writes a description in one version of the format."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._is_2 = version.startswith("2")

    def document(
        self, model: Model, schema: Schema, key: str, *, has_probabilities: bool
    ) -> dict[str, Any]:
        parts = {
            "Row": self._row(schema),
            "ServiceInput": self._input(schema, key),
            "ServiceOutput": self._output(schema, has_probabilities=has_probabilities),
            "Refusal": {"type": "object", "properties": {"message": {"type": "string"}}},
        }
        frame: dict[str, Any] = {
            "swagger" if self._is_2 else "openapi": self._version,
            "info": {"title": model.name, "version": model.version, "description": _ABOUT},
            "paths": {"/score": {"post": self._operation()}, "/": {"get": _HEALTH}},
            EXTENSION: json.loads(schema.to_json()),
        }
        if self._is_2:
            scheme = {"type": "apiKey", "name": "Authorization", "in": "header"}
            return {**frame, "securityDefinitions": {"Bearer": scheme}, "definitions": parts}
        bearer = {"Bearer": {"type": "http", "scheme": "bearer"}}
        return {**frame, "components": {"schemas": parts, "securitySchemes": bearer}}

    def _operation(self) -> dict[str, Any]:
        answers = {
            "200": self._body("One prediction for each row.", "ServiceOutput"),
            "400": self._body("The request does not fit; the message says why.", "Refusal"),
        }
        operation = {
            "operationId": "score",
            "summary": "Score rows",
            "security": [{}, {"Bearer": []}],
            "responses": answers,
        }
        if self._is_2:
            place = {"name": "body", "in": "body", "required": True}
            body = [{**place, "schema": self._ref("ServiceInput")}]
            kinds = {"consumes": ["application/json"], "produces": ["application/json"]}
            return {**operation, **kinds, "parameters": body}
        content = {"application/json": {"schema": self._ref("ServiceInput")}}
        return {**operation, "requestBody": {"required": True, "content": content}}

    def _body(self, description: str, name: str) -> dict[str, Any]:
        if self._is_2:
            return {"description": description, "schema": self._ref(name)}
        content = {"application/json": {"schema": self._ref(name)}}
        return {"description": description, "content": content}

    def _ref(self, name: str) -> dict[str, str]:
        return {"$ref": f"#/{'definitions' if self._is_2 else 'components/schemas'}/{name}"}

    def _input(self, schema: Schema, key: str) -> dict[str, Any]:
        rows = self._ref("Row") if schema.is_table else self._row(schema)
        described = {"type": "object", "description": _TAKES, "required": [key]}
        found = {**described, "properties": {key: {"type": "array", "items": rows}}}
        row = _example_row(schema)
        return {**found, "example": {key: [row]}} if row else found

    def _row(self, schema: Schema) -> dict[str, Any]:
        if not schema.is_table:
            return {"type": "array", "items": {}}
        return {
            "type": "object",
            "required": list(schema.names),
            "additionalProperties": False,
            "properties": {column.name: self._column(column) for column in schema.columns},
        }

    def _column(self, column: Column) -> dict[str, Any]:
        found: dict[str, Any] = {}
        values = column.categories if column.kind == "category" else ()
        if kind := _type_of(values) if values else _TYPES.get(column.kind):
            found.update(self._nullable(kind, is_nullable=column.missing is not False))
        if text := _described(column):
            found["description"] = text
        if column.example is not None:
            found["example"] = column.example
        return found

    def _nullable(self, kind: str, *, is_nullable: bool) -> dict[str, Any]:
        if not is_nullable:
            return {"type": kind}
        if self._version.startswith("3.1"):
            return {"type": [kind, "null"]}
        return {"type": kind, "x-nullable" if self._is_2 else "nullable": True}

    def _output(self, schema: Schema, *, has_probabilities: bool) -> dict[str, Any]:
        outputs = schema.outputs
        kinds = [_labels(labels) for labels in outputs.labels]
        one = kinds[0] if len(kinds) == 1 else {"type": "array", "items": {}} if kinds else {}
        if outputs.task == "regression":
            one = {"type": "array", "items": _NUMBER} if len(outputs.names) > 1 else _NUMBER
        predictions = {"type": "array", "items": one}
        if not has_probabilities:
            return predictions
        table = {"type": "array", "items": {"type": "array", "items": _NUMBER}}
        fields = {"predictions": predictions, "probabilities": table, "classes": predictions}
        return {"type": "object", "required": list(fields), "properties": fields}


_NUMBER: Final = {"type": "number"}
_HEALTH: Final = {
    "operationId": "health",
    "summary": "Whether the service is up",
    "responses": {"200": {"description": "It is."}},
}


def _labels(labels: tuple[Any, ...]) -> dict[str, Any]:
    """Return the schema of one label; labels that are texts are listed."""
    kind = _type_of(labels)
    if kind == "string":
        return {"type": kind, "enum": list(labels)}
    return {"type": kind} if kind else {}


def _type_of(values: tuple[Any, ...]) -> str:
    """Return the common type of all values, or ``""``."""
    kinds = {type(value) for value in values}
    names = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(kinds.pop(), "") if len(kinds) == 1 else ""


def _described(column: Column) -> str:
    """Return a description of the other properties of a column."""
    clauses = []
    if column.kind == "date":
        clauses.append("A date in ISO 8601.")
    if column.categories:
        shown = ", ".join(map(str, column.categories[:_SHOWN]))
        more = len(column.categories) - _SHOWN
        clauses.append(f"Known values: {shown}{f' and {more} more' if more > 0 else ''}.")
    if column.low is not None and column.high is not None:
        low, high = f"{column.low:g}", f"{column.high:g}"
        clauses.append(f"{low if low == high else f'{low} to {high}'} in the sample.")
    return " ".join(clauses)


def _example_row(schema: Schema) -> dict[str, Any]:
    """Return a row of the examples of all columns, or an empty one if an example is missing."""
    row = {column.name: column.example for column in schema.columns}
    return row if schema.is_table and None not in row.values() else {}
