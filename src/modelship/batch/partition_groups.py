"""Group the files of a partitioned folder: what has the same keys is in the same mini-batch."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from modelship.batch.batch_plan import Piece
from modelship.errors import BatchInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from modelship.batch.batch_plan import InputFile

__all__ = ["grouped_files", "pieces_of_groups"]


def grouped_files(files: Sequence[InputFile], keys: Sequence[str]) -> tuple[InputFile, ...]:
    """Return files in the order of the values of keys, and those of a group in their own order.

    Raises
    ------
    BatchInputError
        If a file is not in folders that are named by all keys.
    """
    for each in files:
        held = [key for key, _ in each.partition]
        missing = [key for key in keys if key not in held]
        if missing:
            raise BatchInputError(
                each.path,
                f"it is not in a folder {missing[0]}=VALUE, and partition_keys names {missing[0]}; "
                f"its folders have {', '.join(held) or 'no key'}",
                f"Write the input partitioned by {', '.join(keys)}, as in {missing[0]}=1/: of a "
                "column of a table, pandas does so with "
                f"to_parquet(FOLDER, partition_cols={list(keys)}).",
            )
    return tuple(sorted(files, key=lambda each: _values(each, keys)))


def pieces_of_groups(
    files: Sequence[InputFile], keys: Sequence[str], *, cuts: Iterable[Piece] | None = None
) -> Iterator[Piece]:
    """Yield a piece for each group of files that are in the order of their groups.

    Parameters
    ----------
    files : Sequence[InputFile]
        The files.
    keys : Sequence[str]
        The keys.
    cuts : Iterable[Piece], optional
        The parts of all files, whose rows are scored; None if the files themselves are.
    """
    rows: Counter[int] = Counter()
    for each in cuts or ():
        rows[each.file] += each.rows
    number = 0
    for _, group in groupby(range(len(files)), key=lambda at: _values(files[at], keys)):
        start, *others = group
        stop = start + 1 + len(others)
        count = stop - start if cuts is None else sum(rows[at] for at in range(start, stop))
        if count:
            yield Piece(number, start, start, stop, 0, count, part=number)
            number += 1


def _values(file: InputFile, keys: Sequence[str]) -> tuple[str, ...]:
    found = dict(file.partition)
    return tuple(found[key] or "" for key in keys)
