"""Define DataFile: a file with a test set, read according to the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError
from modelship.evaluation.extras import needs_extra
from modelship.tables.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Content = tuple[Any, Any]
    Reader = Callable[["DataFile", Schema], Content]

__all__ = ["DataFile"]

_DELIMITED: Final = (".csv", ".tsv")
_PACKED: Final = ".gz"
_EXPECTED: Final = "an existing .csv, .tsv, .parquet, .json, .jsonl or .npz file"


@dataclass(frozen=True)
class DataFile:
    """A file that holds a test set.

    Attributes
    ----------
    path : Path
        ``.csv``, ``.tsv``, ``.json`` or ``.jsonl``, also compressed (``.csv.gz``); ``.parquet``; or
        ``.npz`` with the arrays X and y.
    labels : tuple[str, ...]
        The columns that hold y, one for each output. By default the one column that the model was
        not fitted on, or else the last.
    separator : str, optional
        The delimiter of a CSV file; detected by default.
    decimal : str
        The decimal separator of a CSV file.
    option : str
        The option that passed the path, for error messages.

    Raises
    ------
    InvalidOptionError
        If there is no such file, or an option does not fit its format.
    MissingExtraError
        Without NumPy.
    """

    path: Path
    labels: tuple[str, ...] = ()
    separator: str | None = None
    decimal: str = "."
    option: str = field(default="path", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path).absolute())
        if not self.path.is_file() or self.form not in _readers():
            raise InvalidOptionError(self.option, str(self.path), _EXPECTED)
        with needs_extra("sklearn", purpose="Reading a test set"):
            import numpy as np  # noqa: F401 - asked for here, so that all below may import it
        if self.labels and self.form == ".npz":
            raise InvalidOptionError(self.flag("label"), self.labels[0], "a file with columns")
        for name, given, usual in (
            ("separator", self.separator, None),
            ("decimal", self.decimal, "."),
        ):
            if given != usual and self.form not in _DELIMITED:
                raise InvalidOptionError(self.flag(name), given, "a .csv file")
            if given is not None and len(given) != 1:
                raise InvalidOptionError(self.flag(name), given, "one character")

    @property
    def form(self) -> str:
        """The suffix that determines how it is read, such as ``".csv"``."""
        return Path(self.path.name.lower().removesuffix(_PACKED)).suffix

    @property
    def is_packed(self) -> bool:
        """Whether it is compressed with gzip."""
        return self.path.name.lower().endswith(_PACKED)

    def read(self, schema: Schema | None = None) -> Content:
        """Return X and y, parsed as the model needs them.

        Parameters
        ----------
        schema : Schema, optional
            What is known of the model: if it takes texts, they stay texts.

        Raises
        ------
        InvalidTestSetError
            If the file does not hold X and y; with the line where there is one.
        MissingExtraError
            If reading it needs pandas, and that is not installed.
        """
        return _readers()[self.form](self, schema or Schema())

    def flag(self, name: str) -> str:
        """Return the name of another option, if the path was passed with :attr:`option`."""
        if not self.option.startswith("--"):
            return name
        return f"--{name}" if self.option == "--data" else f"{self.option}-{name}"


def _readers() -> Mapping[str, Reader]:
    from modelship.evaluation.files.binary_files import read_npz, read_parquet
    from modelship.evaluation.files.delimited import read_delimited
    from modelship.evaluation.files.json_files import read_json, read_json_lines

    return {
        ".csv": read_delimited,
        ".tsv": read_delimited,
        ".json": read_json,
        ".jsonl": read_json_lines,
        ".npz": read_npz,
        ".parquet": read_parquet,
    }
