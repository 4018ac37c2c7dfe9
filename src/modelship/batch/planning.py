"""Plan a job: find its files, cut them into pieces, and determine the types of their columns."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import pyarrow as pa

from modelship.batch.batch_plan import FILES, BatchPlan, Piece
from modelship.batch.column_types import column_types, keeps_text
from modelship.batch.file_places import reading
from modelship.batch.input_columns import InputColumns, prediction_type, type_of
from modelship.batch.input_files import input_files, require_format
from modelship.batch.partition_groups import grouped_files, pieces_of_groups
from modelship.batch.row_files import formats
from modelship.batch.script_rows import CHOSEN, require_columns, script_rows
from modelship.batch.slow_pieces import PIECES_PER_WORKER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from modelship.batch.batch_plan import BatchOptions, InputFile
    from modelship.bundle import ScoringBundle

__all__ = ["files_of_job", "plan_job"]

_FILES_OF_CALLS = 10
_LEAST_BYTES = 4 * 2**20
"""A piece of fewer bytes is not made for the sake of the other workers: it may be fast."""


def plan_job(
    bundle: ScoringBundle,
    inputs: Sequence[str | Path],
    output: str | Path,
    options: BatchOptions,
    *,
    workers: int = 1,
) -> BatchPlan:
    """Return what a job does, from the files that are there now.

    With more than one worker, there are about four pieces for each, if these do not become small.

    Raises
    ------
    BatchInputError
        If there is no file, one cannot be read, or it lacks a column of the model.
    """
    files = files_of_job(inputs, output, options)
    keys = options.partition_keys
    if options.are_files and keys:
        return BatchPlan(bundle.digest, options, files, tuple(pieces_of_groups(files, keys)))
    if options.are_files:
        size = _calls(options, len(files), workers) * options.items_per_call
        return BatchPlan(bundle.digest, options, files, tuple(_pieces_of_files(len(files), size)))
    schemas = _schemas(files)
    pieces = tuple(_pieces(files, piece_bytes=_piece_bytes(options, files, workers)))
    columns = _columns(bundle, options, files, schemas, pieces)
    if keys:
        pieces = tuple(pieces_of_groups(files, keys, cuts=pieces))
    return BatchPlan(bundle.digest, options, files, pieces, columns)


def _piece_bytes(options: BatchOptions, files: Sequence[InputFile], workers: int) -> int:
    """Return about how many bytes a piece has."""
    most = options.bytes_per_piece
    if options.output_action or workers == 1 or not options.has_usual_pieces:
        return most
    share = sum(each.size_bytes for each in files) // (PIECES_PER_WORKER * workers)
    return min(most, max(share, _LEAST_BYTES))


def _calls(options: BatchOptions, files: int, workers: int) -> int:
    """Return how many calls a piece has whose files are scored.

    Without mini-batches of ParallelRunStep, which have one file of output, it may be cut again.
    """
    if not options.output_action:
        return _FILES_OF_CALLS
    share = files // (options.items_per_call * PIECES_PER_WORKER * workers)
    return min(_FILES_OF_CALLS, max(share, 1))


def files_of_job(
    inputs: Sequence[str | Path], output: str | Path, options: BatchOptions
) -> tuple[InputFile, ...]:
    """Return the files of the input of a job, as they are now.

    Raises
    ------
    BatchInputError
        If there is none, or one cannot be read.
    InvalidOptionError
        If the format of the output is unknown.
    """
    if options.output_format:
        require_format("output_format", options.output_format, tuple(formats()))
    kind = FILES if options.are_files else options.input_format
    found = input_files(inputs, output=output, input_format=kind)
    return grouped_files(found, options.partition_keys) if options.partition_keys else found


def _schemas(files: Sequence[InputFile]) -> list[pa.Schema]:
    """Return the columns of each file: one object for those that follow each other and are equal.

    So what is done for each of thousands of columns is not done for each file, too.
    """
    found: list[pa.Schema] = []
    for file in files:
        with reading(file) as source:
            schema = formats()[file.format].schema(source)
        is_same = bool(found) and found[-1].equals(schema, check_metadata=True)
        found.append(found[-1] if is_same else schema)
    return found


def _pieces(files: Sequence[InputFile], *, piece_bytes: int) -> Iterator[Piece]:
    number = 0
    for at, file in enumerate(files):
        with reading(file) as source:
            cuts = formats()[file.format].cuts(
                source, piece_bytes=sys.maxsize if file.is_compressed else piece_bytes
            )
        for part, cut in enumerate(cuts):
            yield Piece(number, at, **asdict(cut), part=part)
            number += 1


def _pieces_of_files(count: int, size: int) -> Iterator[Piece]:
    """Return pieces of `size` files each: all of them are positions in the plan."""
    for part, start in enumerate(range(0, count, size)):
        stop = min(start + size, count)
        yield Piece(part, start, start, stop, start, stop - start, part)


def _columns(
    bundle: ScoringBundle,
    options: BatchOptions,
    files: Sequence[InputFile],
    schemas: Sequence[pa.Schema],
    pieces: Sequence[Piece],
) -> InputColumns:
    """Return which columns are read, and their types: the same in all files."""
    keys = tuple(dict.fromkeys(key for file in files for key, _ in file.partition))
    distinct = {id(each): each for each in schemas}.values()
    in_files = tuple(dict.fromkeys(name for each in distinct for name in each.names))
    names = (*(each for each in in_files if each not in keys), *keys)
    rows = script_rows(bundle)
    script: tuple[str, ...] = ()
    for file, schema, before in zip(files, schemas, (None, *schemas[:-1]), strict=True):
        if schema is before and not keys:
            continue
        held = pa.schema([*schema, *(pa.field(key, pa.string()) for key, _ in file.partition)])
        given = options.feature_columns
        script = rows.columns(held, names, given=given, path=file.path)
    kept = tuple(each for each in names if each not in keys)
    if options.columns is not None:
        require_columns(options.columns, names, path=files[0].path, advice=CHOSEN)
        kept = tuple(each for each in options.columns if each not in keys)
    are_texts = all(keeps_text(file, options) for file in files)
    read = tuple(dict.fromkeys((*script, *(() if are_texts else kept))))
    known = {each.name: type_of(each) for each in bundle.schema.columns}
    if rows.are_floats and len(script) > 1:
        # To read all rows for the types takes as long as to score them: one piece shows a mistake.
        found = column_types(script, known, files[:1], schemas[:1], pieces[:1])
        rows.require_numbers(found, script, path=files[0].path)
        known = {**dict.fromkeys(script, "float64"), **known}
    types = column_types(read, known, files, schemas, pieces)
    rows.require_numbers(types, script, path=files[0].path)
    values = rows.names if len(script) == 1 and script[0] not in rows.names else ()
    return InputColumns(
        script=script,
        kept=kept,
        names=names,
        keys=keys,
        values=values,
        prediction=prediction_type(bundle.schema.outputs),
        types=InputColumns.serialized(types),
    )
