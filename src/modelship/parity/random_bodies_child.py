"""Generate random bodies from a sample request with hypothesis, in a separate process.

``python random_bodies_child.py STORAGE`` reads ``{"sample": …, "count": N, "seed": N}`` from stdin
and writes a JSON list of texts to stdout. In the folder STORAGE hypothesis caches its table of all
characters, which takes a second to build. It runs in a separate process because hypothesis takes
numbers and texts from all imported modules, so that a seed would mean something else in each
program; and because it has process-wide settings, and leaves files behind.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__: list[str] = []

_MOST_NODES: Final = 2000
_DELETED: Final = object()
_TWICE: Final = object()
_RENAMED: Final = object()


def random_bodies(sample: Any, *, count: int, seed: int) -> list[str]:
    """Return the sample with up to three of its nodes changed, `count` times, as JSON."""
    import hypothesis

    found: list[str] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
        derandomize=False,
    )
    @hypothesis.given(_edits(nodes=_count(sample)))
    def collect(edits: list[tuple[int, Any]]) -> None:
        found.append(json.dumps(_edited(sample, dict(edits))))

    collect()
    return found[:count]


def _edits(*, nodes: int) -> SearchStrategy[list[tuple[int, Any]]]:
    """Return a strategy for the nodes of the sample to replace, and their replacements."""
    from hypothesis import strategies as st

    replacement = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from([[], {}, [[]], [1], {"data": []}, _DELETED, _TWICE, _RENAMED]),
    )
    place = st.integers(0, min(nodes, _MOST_NODES) - 1)
    return st.lists(st.tuples(place, replacement), min_size=1, max_size=3)


def _count(value: Any) -> int:
    """Return the number of nodes in a JSON value, including itself."""
    parts = value.values() if isinstance(value, dict) else value
    return 1 + (sum(_count(part) for part in parts) if isinstance(value, (dict, list)) else 0)


def _edited(sample: Any, edits: dict[int, Any]) -> Any:
    """Return the sample with the nodes replaced that `edits` names by number, depth first."""
    numbers = iter(range(_count(sample)))

    def copied(value: Any) -> list[Any]:
        """Return the replacement of a node: one value, none, or two."""
        edit = edits.get(next(numbers), copied)
        if edit not in (copied, _TWICE, _RENAMED):
            for _ in range(_count(value) - 1):
                next(numbers)
            return [] if edit is _DELETED else [edit]
        new = value
        if isinstance(value, dict):
            pairs = [(key, copied(part)) for key, part in value.items()]
            mark = "_" if edit is _RENAMED else ""
            new = {key + mark: part[0] for key, part in pairs if part}
        elif isinstance(value, list):
            new = [each for part in value for each in copied(part)]
        return [new, new] if edit is _TWICE else [new]

    found = copied(sample)
    return found[0] if found else None


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # an empty folder, and not this one with its modules
    from hypothesis.configuration import set_hypothesis_home_dir

    set_hypothesis_home_dir(sys.argv[1])
    json.dump(random_bodies(**json.load(sys.stdin)), sys.stdout)
    gc.freeze()  # at exit Python looks through all objects
