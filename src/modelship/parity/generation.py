"""Generate requests from a sample request: known edge cases, and random ones."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.programs import run
from modelship.comparison.scoring_request import ScoringRequest
from modelship.errors import InvalidOptionError, MissingExtraError
from modelship.process_variables import process_variables
from modelship.state_paths import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["generate_requests"]

_CHILD: Final = Path(__file__).with_name("random_bodies_child.py")
_TIMEOUT_S: Final = 600.0
_MOST: Final = 10_000
_HUGE_BYTES: Final = 2_000_000
_LONGEST_ID: Final = 100  # characters that the scoring contract allows
_JSON: Final = {"Content-Type": "application/json"}


def generate_requests(
    sample_json: str, *, count: int = 50, seed: int = 0
) -> tuple[ScoringRequest, ...]:
    """Return the sample request, edge cases derived from it, and `count` random ones.

    The same sample, count and seed give the same requests, with one version of hypothesis. None is
    larger than a few megabytes, unless the sample is.

    Parameters
    ----------
    sample_json : str
        A request that the service answers, as JSON.
    count : int
        The number of random requests, up to 10,000; slightly fewer if the sample has fewer
        variations.
    seed : int
        The seed of the random requests.

    Raises
    ------
    InvalidOptionError
        If `count` is out of its range.
    MissingExtraError
        If random requests are requested, and hypothesis is not installed.
    StorageError
        If random requests are requested, and the cache folder is world-writable.
    """
    if not 0 <= count <= _MOST:
        raise InvalidOptionError("count", count, f"a number from 0 to {_MOST}")
    sample = json.loads(sample_json)
    made = [("the sample", sample_json.encode()), *_bodies(sample), *_changed(sample)]
    if count:
        made += _random(sample, count=count, seed=seed)
    return (*(ScoringRequest(label, body) for label, body in made), *_others(sample))


def _bodies(sample: Any) -> Iterator[tuple[str, bytes]]:
    """Yield bodies that no script expects."""
    text = json.dumps(sample)
    yield "an empty body", b""
    yield "an empty object", b"{}"
    yield "an empty list", b"[]"
    yield "null", b"null"
    yield "a number", b"1"
    yield "a text", '"h\u00e9llo \u4e16\u754c \U0001f600"'.encode()
    yield "no JSON", text[:-1].encode() + b","
    yield "no UTF-8", b"\xff\xfe" + text.encode()
    yield "a byte order mark", b"\xef\xbb\xbf" + text.encode()
    yield "JSON in a text", json.dumps(text).encode()
    yield "deep nesting", b"[" * 500 + b"]" * 500
    yield "a huge text", b'{"data": "' + b"x" * _HUGE_BYTES + b'"}'


def _changed(sample: Any) -> Iterator[tuple[str, bytes]]:
    """Yield the sample with other values, shapes and keys."""
    leaves = {
        "NaN": float("nan"),
        "an infinity": float("inf"),
        "huge numbers": 1e308,
        "huge integers": 10**40,
        "texts": "a",
        "nulls": None,
    }
    changed = {f"{label} for each value": _mapped(sample, leaf) for label, leaf in leaves.items()}
    if isinstance(sample, dict):
        changed["other keys"] = {f"{key}_": value for key, value in sample.items()}
        changed["a key more"] = {**sample, "\u00e9 \U0001f600": 1}
    rows = _rows(sample)
    if rows:
        repeated = rows * max(1, _HUGE_BYTES // len(json.dumps(rows)))
        shapes = {
            "no rows": [],
            "one row less": rows[1:],
            "a row in a row": [rows],
            "rows of two lengths": [*rows, [*rows[-1], *rows[-1]] if _is_list(rows[-1]) else []],
            "very many rows": repeated,
        }
        if all(isinstance(row, dict) for row in rows):
            shapes |= _changed_columns(rows)
        changed |= {label: _with_rows(sample, new) for label, new in shapes.items()}
    for label, value in changed.items():
        yield label, json.dumps(value).encode()


def _changed_columns(records: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return records with changed or reordered columns, each with a label."""
    names = list(records[0])
    return {
        "columns in another order": [dict(reversed(row.items())) for row in records],
        "a column less": [{k: v for k, v in row.items() if k != names[0]} for row in records],
        "a column more": [{**row, "\u00e9 \U0001f600": 1} for row in records],
        "rows in place of records": [list(row.values()) for row in records],
    }


def _others(sample: Any) -> Iterator[ScoringRequest]:
    """Yield requests that differ in more than the body."""
    body = json.dumps(sample).encode()
    yield ScoringRequest("as text/plain", body, headers={"Content-Type": "text/plain"})
    yield ScoringRequest("without a content type", body, headers={})
    yield ScoringRequest("with a trace", body, headers={**_JSON, "TraceId": "parity"})
    yield ScoringRequest(
        "with a client's id", body, headers={**_JSON, "x-ms-client-request-id": "parity"}
    )
    too_long = "x" * (_LONGEST_ID + 1)
    yield ScoringRequest("with a long id", body, headers={**_JSON, "x-ms-request-id": too_long})
    yield ScoringRequest("GET", method="GET", path="/score?data=%5B1%5D&x=y", headers={})
    yield ScoringRequest("GET without a query", method="GET", headers={})
    yield ScoringRequest("OPTIONS", method="OPTIONS", headers={})
    yield ScoringRequest("PUT", body, method="PUT")
    yield ScoringRequest("another path", body, path="/score/")
    yield ScoringRequest("health", method="GET", path="/", headers={})
    yield ScoringRequest("swagger", method="GET", path="/swagger.json", headers={})


def _mapped(value: Any, leaf: Any) -> Any:
    """Return a value with each number, text and null replaced."""
    if isinstance(value, dict):
        return {key: _mapped(each, leaf) for key, each in value.items()}
    return [_mapped(each, leaf) for each in value] if isinstance(value, list) else leaf


def _rows(sample: Any) -> list[Any]:
    """Return the sample's first list, at the top level or one key down."""
    candidates = [sample, *(sample.values() if isinstance(sample, dict) else ())]
    return next((each for each in candidates if _is_list(each)), [])


def _with_rows(sample: Any, rows: list[Any]) -> Any:
    if not isinstance(sample, dict):
        return rows
    first = next(key for key, value in sample.items() if _is_list(value))
    return {**sample, first: rows}


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _random(sample: Any, *, count: int, seed: int) -> list[tuple[str, bytes]]:
    if importlib.util.find_spec("hypothesis") is None:
        raise MissingExtraError(purpose="Making random requests", extra="parity")
    with tempfile.TemporaryDirectory(prefix="modelship-parity-") as folder:
        done = run(
            [sys.executable, _CHILD, cache_folder() / "hypothesis"],
            stdin=json.dumps({"sample": sample, "count": count, "seed": seed}),
            timeout_s=_TIMEOUT_S,
            cwd=folder,
            env={
                **process_variables(),
                "PYTHONPATH": os.pathsep.join(str(Path(each).absolute()) for each in sys.path),
                "HYPOTHESIS_NO_PLUGINS": "1",
            },
        )
    done.check_returncode()
    bodies = json.loads(done.stdout)
    return [(f"random {n}", body.encode()) for n, body in enumerate(bodies, start=1)]
