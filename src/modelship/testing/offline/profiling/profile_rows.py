"""The rows of a dataset with one column, read as the client's azureml-dataprep would read them."""

from __future__ import annotations

import csv
import fnmatch
import io
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from modelship.testing.offline.data.datasets import yaml_of
from modelship.testing.offline.json_exchange import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelship.testing.offline.document_store import Store

__all__ = ["rows_of"]

_PATH: Final = re.compile(
    r"azureml://.*/workspaces/[^/]+/datastores/workspaceblobstore/paths/(?P<path>.+)"
)
_ONE_READ: Final = "read_delimited"
_TYPES: Final = "convert_column_types"
_ENCODINGS: Final = {"utf8": "utf-8-sig", "latin1": "latin-1", "ascii": "ascii"}
_MOST_ROWS: Final = 10_000
_READS_ONLY: Final = (
    "An offline workspace can profile only with datasets of Dataset.Tabular.from_delimited_files "
    "on the datastore workspaceblobstore, and not with {what}. Upload the requests as a text file "
    "with one request per line, and create the dataset from it."
)


def rows_of(dataset: dict[str, Any], store: Store, *, container: str) -> list[str]:
    """Return the rows of a saved dataset; at most 10,000 of them.

    Parameters
    ----------
    dataset : dict
        Its document.
    store : Store
        Stores the files.
    container : str
        The name of the container of the first datastore.

    Raises
    ------
    RefusalError
        If the dataset is of an unsupported kind, or has no rows.
    """
    import yaml

    flow = yaml.safe_load(yaml_of(dataset["dataflowJson"])) or {}
    options = _options(flow.get("transformations") or [])
    files = [file for each in flow.get("paths") or [] for file in _files(each, store, container)]
    found = [row for file in files for row in _rows(file, options)][:_MOST_ROWS]
    if not found:
        raise RefusalError(400, "EmptyDataset", "The dataset has no rows.")
    return found


def _options(steps: list[Any]) -> dict[str, Any]:
    """Return the options for reading the files."""
    read: dict[str, Any] | None = None
    for step in steps:
        [(name, options)] = step.items() if isinstance(step, dict) else [(str(step), None)]
        if name == _ONE_READ and read is None:
            read = options or {}
        elif name != _TYPES:
            raise _not_read(f"the step {name}")
    if read is None:
        raise _not_read("other files")
    return read


def _files(place: Any, store: Store, container: str) -> Iterator[Path]:
    pattern = next(iter(place.values()), "") if isinstance(place, dict) else ""
    match = _PATH.fullmatch(str(pattern))
    if match is None:
        raise _not_read(f"files at {pattern}")
    folder = store.container(container)
    files = {
        "/".join(map(unquote, file.relative_to(folder).parts)): file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    wanted = match["path"]
    for name, file in files.items():
        if name == wanted or fnmatch.fnmatchcase(name, wanted):
            yield file


def _rows(file: Path, options: dict[str, Any]) -> list[str]:
    encoding = _ENCODINGS.get(str(options.get("encoding", "utf8")))
    if encoding is None:
        raise _not_read(f"the encoding {options['encoding']}")
    text = file.read_text(encoding)
    if options.get("delimiter") == "\n":
        rows = [line for line in text.splitlines() if line.strip()]
    else:
        reader = csv.reader(io.StringIO(text), delimiter=str(options.get("delimiter") or ","))
        rows = [row[0] for row in reader if row]
    return rows if options.get("header", "no_header") == "no_header" else rows[1:]


def _not_read(what: str) -> RefusalError:
    return RefusalError(400, "NotInOfflineWorkspace", _READS_ONLY.format(what=what))
