"""Determine the types of columns: one for all files of a job, which holds every value unchanged."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pyarrow as pa

from modelship.batch.file_places import reading
from modelship.batch.row_files import Cut, formats
from modelship.batch.row_files.text_values import narrowest_type, widest
from modelship.errors import BatchInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelship.batch.batch_plan import BatchOptions, InputFile, Piece

__all__ = ["column_types", "keeps_text"]


def keeps_text(file: InputFile, options: BatchOptions) -> bool:
    """Return whether the rows of a file are written as they are in it, with the answers added."""
    is_same = options.output_format in {"", file.format}
    return options.columns is None and is_same and formats()[file.format].keeps_text


def column_types(
    names: Sequence[str],
    known: Mapping[str, str],
    files: Sequence[InputFile],
    schemas: Sequence[pa.Schema],
    pieces: Sequence[Piece],
) -> pa.Schema:
    """Return the types of columns, from the first of these that has one.

    They are the schema of the bundle for values that are text, the schemas of files, or the
    narrowest type that holds all values.

    Parameters
    ----------
    names : Sequence[str]
        The columns.
    known : Mapping[str, str]
        The types of columns in the bundle's schema, ``""`` for an unknown one.
    files, schemas : Sequence
        The files, and their columns; those of the type null have no type in the file. What is one
        object with that of the file before is read once.
    pieces : Sequence[Piece]
        The pieces of the files.

    Raises
    ------
    BatchInputError
        If a column has different types in two files.
    """
    types = {name: pa.null() for name in names}
    for file, schema, before in zip(files, schemas, (None, *schemas[:-1]), strict=True):
        fields = () if schema is before else _typed(schema, known)
        for field in (*fields, *_keys(file, known)):
            if field.name in types:
                types[field.name] = _of_both(types[field.name], field, file)
    for file, found in _inferred(_untyped(names, known, schemas), files, pieces):
        for field in found:
            types[field.name] = _of_both(types[field.name], field, file)
    return pa.schema(
        (name, pa.string() if pa.types.is_null(kind) else kind) for name, kind in types.items()
    )


def _typed(schema: pa.Schema, known: Mapping[str, str]) -> Iterator[pa.Field]:
    """Return the columns of a file whose type is known before its rows are read."""
    for field in schema:
        if not pa.types.is_null(field.type):
            yield field
        elif kind := known.get(field.name):
            yield field.with_type(pa.type_for_alias(kind))


def _keys(file: InputFile, known: Mapping[str, str]) -> Iterator[pa.Field]:
    for key, value in file.partition:
        kind = known.get(key)
        found = pa.type_for_alias(kind) if kind else narrowest_type(pa.array([value], pa.string()))
        yield pa.field(key, found)


def _untyped(
    names: Sequence[str], known: Mapping[str, str], schemas: Sequence[pa.Schema]
) -> list[list[str]]:
    """Return those columns of each file whose type is to be found in its rows."""
    wanted = {each for each in names if not known.get(each)}
    of_schema = {
        id(schema): [f.name for f in schema if f.name in wanted and pa.types.is_null(f.type)]
        for schema in {id(each): each for each in schemas}.values()
    }
    return [of_schema[id(each)] for each in schemas]


def _inferred(
    untyped: Sequence[Sequence[str]],
    files: Sequence[InputFile],
    pieces: Sequence[Piece],
) -> Iterator[tuple[InputFile, pa.Schema]]:
    """Return the types of the values of each piece, for the columns that have no other."""

    def of_piece(piece: Piece) -> tuple[InputFile, pa.Schema]:
        file = files[piece.file]
        wanted = untyped[piece.file]
        if not wanted:
            return file, pa.schema([])
        cut = Cut(piece.start, piece.stop, piece.first_row, piece.rows)
        with reading(file) as source:
            return file, formats()[file.format].types(source, cut, wanted)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from pool.map(of_piece, pieces)


def _of_both(one: pa.DataType, field: pa.Field, file: InputFile) -> pa.DataType:
    found = widest(one, field.type)
    if found is None:
        problem = f"its column {field.name!r} has the type {field.type}, and in other files {one}"
        raise BatchInputError(file.path, problem, "Convert the files to one type.")
    return found
