"""Read LightGBM files in the format of ``Booster.save_model``.

The format is that of ``GBDT::SaveModelToString`` in LightGBM's ``gbdt_model_text.cpp``: lines of
``key=value``, a block of lines for each tree, the training parameters, and finally the categories
of pandas columns, which the Python package appends.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from modelship.documents import DocumentError, parse
from modelship.sources._lightgbm_groups import matched_groups, may_have_categories
from modelship.sources._pickled import note_pickles
from modelship.sources._stream import EndedEarlyError, MalformedError, UndescribedError
from modelship.sources._trees import LEADS_ASTRAY, SPLITS_OUTSIDE, integers, is_tree, splits_within
from modelship.sources._values import Findings
from modelship.tables import Column, Outputs, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modelship.sources._budget import Budget
    from modelship.sources._parts import Described, Part

__all__ = ["BEGINS", "is_lightgbm", "read_lightgbm"]

BEGINS: Final = (b"tree\n", b"tree\r\n")
_FIRST_BYTES: Final = 512
_LEAST_BYTES: Final = 64  # fewer than in any model
_MAX_HEADER_BYTES: Final = 64 * 2**20
_MAX_TAIL_BYTES: Final = 16 * 2**20
_MAX_LABELS: Final = 10_000
_END_OF_TREES: Final = (b"end of trees", b"feature importances", b"feature_importances")
_PANDAS: Final = b"\npandas_categorical:"
_CATEGORICAL: Final = re.compile(rb"^\[categorical_feature: ([\d,]*)\]", re.MULTILINE)
_RANGE: Final = re.compile(r"\[([^:\]]+):([^:\]]+)\]")
_GENERATED: Final = re.compile(r"Column_\d+")
_OF_TWO: Final = ("binary",)
_OF_MANY: Final = ("multiclass", "multiclassova")
_BETWEEN_CHECKS: Final = 256


@dataclass
class _Header:
    """The lines before the first tree, and its position."""

    lines: Mapping[str, str]
    trees_at: int = 0
    categories: list[list[Any]] = field(default_factory=list)
    categorical: frozenset[int] = frozenset()

    @property
    def names(self) -> list[str]:
        return self.lines.get("feature_names", "").split()

    @property
    def ranges(self) -> list[str]:
        return self.lines.get("feature_infos", "").split()

    @property
    def sizes(self) -> list[int]:
        """The number of categories of each pandas column with categories."""
        return [len(each) for each in self.categories]

    @property
    def objective(self) -> str:
        return self.lines.get("objective", "").partition(" ")[0]

    @property
    def classes(self) -> int:
        return _number(self.lines, "num_class")


def is_lightgbm(path: Path) -> bool:
    """Return whether a file that starts with ``tree`` continues in LightGBM's format."""
    with path.open("rb") as file:
        first = file.read(_FIRST_BYTES)
    lines = first.splitlines()[1:]
    return len(first) > _LEAST_BYTES and lines[0].startswith((b"version=", b"num_class="))


def read_lightgbm(part: Part) -> Described:
    """Read the header of a LightGBM file, and check that its trees are complete.

    Raises
    ------
    EndedEarlyError
        If the file is truncated.
    MalformedError
        If it is not a LightGBM model.
    UndescribedError
        If reading it takes too long.
    """
    findings = Findings()
    with part.path.open("rb") as file:
        header = _read_header(file)
        end = _check_trees(file, header, part.budget, findings)
        _read_tail(file, header, begin=end)
    note_pickles(part, findings, what="a LightGBM model")
    return part.described("lightgbm", findings, producer="LightGBM", schema=_schema(header))


def _read_header(file: BinaryIO) -> _Header:
    content = file.read(_MAX_HEADER_BYTES)
    if b"\r\n" in content[:16]:
        raise MalformedError(
            "its lines end as on Windows, and LightGBM counts their bytes: a transfer in "
            "text mode changed it"
        )
    begin = content.find(b"\nTree=")
    if begin < 0 and len(content) == _MAX_HEADER_BYTES:
        raise UndescribedError("its header is larger than the limit for a model")
    if begin < 0:
        raise EndedEarlyError("its header")
    text = content[:begin].decode("utf-8", "replace")
    lines = dict(line.partition("=")[::2] for line in text.splitlines())
    header = _Header(lines, trees_at=begin + 1)
    width = _number(lines, "max_feature_idx") + 1
    if len(header.names) != width:
        raise MalformedError(f"it names {len(header.names)} features, but declares {width}")
    return header


def _number(lines: Mapping[str, str], key: str) -> int:
    text = lines.get(key, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004 - an int32
        raise MalformedError(f"its {key} is not a number")
    return int(text)


def _check_trees(file: BinaryIO, header: _Header, budget: Budget, findings: Findings) -> int:
    """Return the position after the trees, and record the invalid ones."""
    file.seek(header.trees_at)
    trees = 0
    left: list[int] = []
    for count, line in enumerate(file):
        if count % _BETWEEN_CHECKS == 0:
            budget.take_time()
        key, _, value = line.rstrip().partition(b"=")
        if key == b"Tree":
            trees += 1
        elif key == b"split_feature" and not splits_within(integers(value), len(header.names)):
            findings.hazard(SPLITS_OUTSIDE)
        elif key == b"left_child":
            left = integers(value)
        elif key == b"right_child" and not is_tree(left, integers(value), leaf_is_negative=True):
            findings.hazard(LEADS_ASTRAY)
        elif line.startswith(_END_OF_TREES):
            _check_count(header, trees)
            return file.tell() - len(line)
    raise EndedEarlyError(f"its tree {trees}")


def _check_count(header: _Header, trees: int) -> None:
    sizes = header.lines.get("tree_sizes")
    if sizes is not None and len(sizes.split()) != trees:
        raise MalformedError(f"it declares {len(sizes.split())} trees, but has {trees}")


def _read_tail(file: BinaryIO, header: _Header, *, begin: int) -> None:
    """Read the part after the trees: the categorical features and their categories."""
    size_bytes = os.fstat(file.fileno()).st_size
    file.seek(max(begin, size_bytes - _MAX_TAIL_BYTES))
    tail = file.read(_MAX_TAIL_BYTES)
    if match := _CATEGORICAL.search(tail):
        header.categorical = frozenset(map(int, filter(None, match[1].split(b","))))
    if b"\nparameters:" in tail and b"\nend of parameters" not in tail:
        raise EndedEarlyError("its parameters")
    at = tail.rfind(_PANDAS)
    if at < 0:
        return
    try:
        found = parse(tail[at + len(_PANDAS) :].strip(), finite=False)
    except DocumentError:
        raise EndedEarlyError("its categories") from None
    if isinstance(found, list) and all(isinstance(each, list) for each in found):
        header.categories = found


def _schema(header: _Header) -> Schema:
    outputs = _outputs(header)
    if all(map(_GENERATED.fullmatch, header.names)) and not header.categories:
        return Schema(form="array", width=len(header.names), outputs=outputs)
    matched = matched_groups(header.ranges, header.sizes, declared=header.categorical)
    groups = tuple(map(_plain, header.categories)) if matched is None else ()
    columns = tuple(_columns(header, matched))
    return Schema(form="table", columns=columns, outputs=outputs, groups=groups)


def _columns(header: _Header, matched: Mapping[int, int] | None) -> Iterator[Column]:
    for index, name in enumerate(header.names):
        info = header.ranges[index] if index < len(header.ranges) else ""
        if index in (matched or ()):
            values = _plain(header.categories[matched[index]])  # type: ignore[index] # as asked
            yield Column(
                name=name, kind="category", dtype="category", categories=values, missing=True
            )
        elif matched is None and may_have_categories(info, header.sizes):
            yield Column(name=name, missing=True)
        else:
            yield _number_column(name, info)


def _number_column(name: str, info: str) -> Column:
    match = _RANGE.fullmatch(info)
    if match is None:
        return Column(name=name, kind="number", missing=True)
    low, high = (_float(text) for text in match.groups())
    if (low, high) == (0, 1):  # perhaps True and False
        return Column(name=name, missing=True, low=low, high=high)
    return Column(name=name, kind="number", missing=True, low=low, high=high)


def _float(text: str) -> float | None:
    try:
        return float(text) if abs(float(text)) < 1e300 else None  # noqa: PLR2004 - infinity is ±1e300
    except ValueError:
        return None


def _plain(values: list[Any]) -> tuple[Any, ...]:
    return tuple(value for value in values if isinstance(value, (str, int, float, bool)))


def _outputs(header: _Header) -> Outputs:
    """Return the outputs of the model; the classes of LightGBM are numbers from 0."""
    if header.objective in _OF_TWO:
        return Outputs("classification", labels=((0, 1),), probabilities=True)
    if header.objective in _OF_MANY:
        labels = (tuple(range(min(header.classes, _MAX_LABELS))),)
        return Outputs("classification", labels=labels, probabilities=True)
    return Outputs("regression" if header.objective else "", probabilities=False)
