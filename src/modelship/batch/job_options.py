"""Define BatchOptions: the options of a job that decide what its output is."""

from __future__ import annotations

from dataclasses import dataclass

from modelship.batch.mini_batch.mini_batch_settings import size_of

__all__ = ["FILES", "OUTPUT_ACTIONS", "USUAL_ROWS", "BatchOptions"]

FILES = "files"
"""The items, and the format, of files that are scored as they are."""

APPEND_ROW = "append_row"
OUTPUT_ACTIONS = ("", APPEND_ROW, "summary_only")
"""What becomes of the elements that a script of ParallelRunStep returns."""

USUAL_ROWS = 50_000
"""The most rows of a call, unless the user says how many."""
USUAL_PIECE_BYTES = 32 * 2**20
_USUAL_FILES = 10
_USUAL_BYTES = 2**20


@dataclass(frozen=True)
class BatchOptions:
    """The options that decide what the output is.

    Parameters
    ----------
    output_format : str
        The format of the output; ``""`` for that of each input file.
    piece_bytes : int
        About how many bytes of input a piece has. By default up to 32 MiB: less if there would be
        fewer pieces than four per worker, but not less than 4 MiB; and a piece that takes longer
        than 10 s is cut again while the job runs.
    call_rows : int, optional
        How many rows or files run() gets at once; by default 10 files; as many rows as it scores
        in about 3 s, up to 50,000; or 50,000 rows, if it takes mini-batches,
        and fewer once a call has taken too long.
    columns : tuple[str, ...], optional
        The columns of the input that the output has too; None for all.
    input_format : str
        The format of all input files, such as ``"csv;"``; ``""`` for that of each name.
    feature_columns : tuple[str, ...], optional
        The columns that run() takes; None for those of the bundle's schema, or all if it has none.
    items : {"rows", "files"}
        Whether the rows of the files are scored, or the files themselves, as a script with
        ``run_batch(mini_batch)`` takes them.
    arguments : tuple[str, ...]
        The arguments of the script.
    output_action : {"", "append_row", "summary_only"}
        If given, mini-batches are scored as by Azure's ParallelRunStep. ``"append_row"`` writes
        the elements that ``run(mini_batch)`` returns to one file, and ``"summary_only"`` counts
        them: the script writes files itself.
    append_row_file_name : str
        The name of that file.
    mini_batch_size : int or str
        How many files a mini-batch has, 10 by default; or about how many bytes of a table, such as
        ``"10MB"``, 1 MB by default. Only with `output_action`.
    partition_keys : tuple[str, ...]
        Keys of the folders of a partitioned input, such as ``region=EU``: what has the same values
        is one mini-batch. Only with `output_action`, and without `mini_batch_size`.
    """

    output_format: str = ""
    piece_bytes: int = USUAL_PIECE_BYTES
    call_rows: int | None = None
    columns: tuple[str, ...] | None = None
    input_format: str = ""
    feature_columns: tuple[str, ...] | None = None
    items: str = "rows"
    arguments: tuple[str, ...] = ()
    output_action: str = ""
    append_row_file_name: str = "parallel_run_step.txt"
    mini_batch_size: int | str = ""
    partition_keys: tuple[str, ...] = ()

    @property
    def has_whole_files(self) -> bool:
        """Whether a piece is some files, and not a part of one."""
        return self.are_files or bool(self.partition_keys)

    @property
    def has_usual_pieces(self) -> bool:
        """Whether the size of pieces is not given, so that it may follow from the work."""
        return self.piece_bytes == USUAL_PIECE_BYTES

    @property
    def appends_rows(self) -> bool:
        """Whether the elements that a script returns are written to one file."""
        return self.output_action == APPEND_ROW

    @property
    def bytes_per_piece(self) -> int:
        """About how many bytes a piece has; that of a table is a mini-batch, if there are any."""
        if not self.output_action:
            return self.piece_bytes
        return size_of(self.mini_batch_size) if self.mini_batch_size else _USUAL_BYTES

    @property
    def are_files(self) -> bool:
        """Whether the files themselves are scored."""
        return self.items == FILES

    @property
    def items_per_call(self) -> int:
        """How many rows or files run() gets at once, or at most."""
        if self.are_files and self.mini_batch_size:
            return size_of(self.mini_batch_size)
        return self.call_rows or (_USUAL_FILES if self.are_files else USUAL_ROWS)
