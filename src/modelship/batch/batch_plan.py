"""Define BatchPlan: what a job does, written before it does anything, so that it can be resumed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from modelship.batch.input_columns import InputColumns
from modelship.batch.job_options import FILES, BatchOptions
from modelship.batch.row_files.row_format import COMPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FILES",
    "BatchOptions",
    "BatchPlan",
    "InputFile",
    "Piece",
    "digests_of",
]

FORMAT = 1
_LATER_OPTIONS = ("output_action", "append_row_file_name", "mini_batch_size", "partition_keys")


@dataclass(frozen=True)
class InputFile:
    """One file of the input.

    Parameters
    ----------
    path : str
        Its path, as it is opened.
    name : str
        Its path below the input that was named: its output has the same one.
    format : str
        The name of its format, such as ``"csv"``.
    size_bytes : int
        Its size.
    stamp : str
        What changes with its content: its time of modification in nanoseconds, or an etag.
    stem : str
        How the names of its output begin: different for each file of a job.
    partition : tuple[tuple[str, str or None], ...]
        The keys and values in the names of its folders, such as ``region=EU``.
    """

    path: str
    name: str
    format: str
    size_bytes: int
    stamp: str
    stem: str = ""
    partition: tuple[tuple[str, str | None], ...] = ()

    @property
    def is_compressed(self) -> bool:
        """Whether it is text that has to be decompressed from its beginning."""
        return PurePosixPath(self.path).suffix.lower() in COMPRESSIONS


@dataclass(frozen=True)
class Piece:
    """A part of one file, which is scored as a unit.

    Parameters
    ----------
    number : int
        Its position in the plan, from 0.
    file : int
        The position of its file in the plan.
    start, stop : int
        The part of the file, in the unit of the format: bytes, row groups or rows; `stop` is
        exclusive.
    first_row : int
        The position of its first row in the file, from 0.
    rows : int
        How many rows it has.
    part : int
        Its position among the pieces of its file, from 0; that of the piece from which it was cut.
    is_rest : bool
        Whether it was cut from another piece while the job ran.
    """

    number: int
    file: int
    start: int
    stop: int
    first_row: int
    rows: int
    part: int = 0
    is_rest: bool = False


@dataclass(frozen=True)
class BatchPlan:
    """What a job does: its digest is the identity of the job.

    Parameters
    ----------
    bundle_digest : str
        The digest of the bundle.
    options : BatchOptions
        The options.
    files : tuple[InputFile, ...]
        The files of the input, in the order of their names.
    pieces : tuple[Piece, ...]
        Their pieces, in the same order.
    columns : InputColumns
        The columns that are read.
    variables : tuple[tuple[str, str], ...]
        The environment variables of the script: the name of each, and a digest of its value.
    origin : str
        The digest of the plan as it was written, if pieces have been cut again since then.
    """

    bundle_digest: str
    options: BatchOptions
    files: tuple[InputFile, ...]
    pieces: tuple[Piece, ...]
    columns: InputColumns = field(default_factory=InputColumns)
    variables: tuple[tuple[str, str], ...] = ()
    origin: str = ""

    @property
    def rows(self) -> int:
        """The rows of the input."""
        return sum(each.rows for each in self.pieces)

    def output_format(self, piece: Piece) -> str:
        """Return the name of the format of a piece's output."""
        own = self.files[piece.file].format
        return self.options.output_format or ("csv" if own == FILES else own)

    def files_of(self, piece: Piece) -> tuple[InputFile, ...]:
        """Return the files of a piece that has whole ones."""
        return self.files[piece.start : piece.stop]

    @cached_property
    def digest(self) -> str:
        """The hex sha256 digest of the plan, as it was written."""
        return self.origin or hashlib.sha256(json.dumps(self._document).encode()).hexdigest()

    @property
    def _document(self) -> dict[str, Any]:
        """The plan as JSON values; an option that came later is left out where it is not given."""
        document, usual = asdict(self), BatchOptions()
        del document["origin"]
        for each in document["pieces"]:
            del each["is_rest"]  # none is when a plan is written
        options = document["options"]
        for each in _LATER_OPTIONS:
            if options[each] == getattr(usual, each):
                del options[each]
        return document

    def name_of(self, piece: Piece) -> str:
        """Return the path of what comes of a piece, below the output folder, without a suffix."""
        name = "predictions" if self.options.has_whole_files else self.files[piece.file].stem
        rest = f"_{piece.first_row:09d}" if piece.is_rest else ""
        return f"{name}-{piece.part:05d}{rest}"

    def difference_from(self, before: BatchPlan) -> str:
        """Return in what this plan differs from an earlier one; ``""`` if in nothing."""
        if before.bundle_digest != self.bundle_digest:
            return f"its bundle was another one, with the digest {before.bundle_digest[:12]}"
        for each in fields(BatchOptions):
            was, now = getattr(before.options, each.name), getattr(self.options, each.name)
            if was != now:
                shown, shown_now = _shown(each.name, was), _shown(each.name, now)
                return f"its option {each.name} was {shown}, and is {shown_now} now"
        changed = {name for name, _ in {*before.variables} ^ {*self.variables}}
        if changed:
            return f"its variable {min(changed)} has changed"
        known = {each.path: each for each in before.files}
        for file in self.files:
            if (old := known.pop(file.path, None)) is None:
                return f"the input file {file.path} is new"
            if old != file:
                return f"the input file {file.path} has changed{_change_of(old, file)}"
        return f"the input file {next(iter(known))} is missing" if known else ""

    def to_json(self) -> str:
        """Return the plan as JSON text with its digest; equal plans have equal texts."""
        document = {"modelship_batch_plan": FORMAT, "digest": self.digest, **self._document}
        return json.dumps(document, indent=1)

    @classmethod
    def from_json(cls, text: str) -> BatchPlan:
        """Read the output of :meth:`to_json`.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is not a plan, or was changed.
        """
        document: dict[str, Any] = json.loads(text)
        if document.get("modelship_batch_plan") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        plan = cls(
            bundle_digest=document["bundle_digest"],
            options=_options(document["options"]),
            files=tuple(map(_file, document["files"])),
            pieces=tuple(Piece(**each) for each in document["pieces"]),
            columns=InputColumns.from_document(document["columns"]),
            variables=tuple((name, digest) for name, digest in document["variables"]),
        )
        if plan.digest != document["digest"]:
            raise ValueError("its digest is another one")
        return plan


def digests_of(variables: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the name of each variable with a digest of its value, which stays out of the plan."""
    digests = {name: hashlib.sha256(value.encode()) for name, value in variables.items()}
    return tuple((name, digests[name].hexdigest()) for name in sorted(digests))


def _change_of(old: InputFile, new: InputFile) -> str:
    if old.size_bytes != new.size_bytes:
        return f": it had {old.size_bytes:,} bytes, and has {new.size_bytes:,} now"
    # One that was restored by copying it has another time: its rows are not read to compare them.
    return "" if old.stamp == new.stamp else ": it was written again, by its time or its etag"


def _shown(option: str, value: Any) -> str:
    """Return the value of an option; as it is typed, too, if that is another number."""
    flag = f" (--piece-mb {value / 2**20:g})" if option == "piece_bytes" else ""
    return f"{value!r}{flag}"


def _file(document: Mapping[str, Any]) -> InputFile:
    partition = tuple((key, value) for key, value in document["partition"])
    return InputFile(**{**document, "partition": partition})


def _options(document: Mapping[str, Any]) -> BatchOptions:
    tuples = {key: tuple(each) for key, each in document.items() if isinstance(each, list)}
    return BatchOptions(**{**document, **tuples})
