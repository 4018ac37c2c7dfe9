"""How much memory a worker may use, as control groups of both versions say it."""

from __future__ import annotations

import pytest

from modelship.server.worker_memory import Budget, memory_limit, own_memory

_GIB = 1 << 30


def _limit(folder, process, limits):
    """Return the limit of a process in these groups, with these files."""
    for name, text in limits.items():
        file = folder / "groups" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    (folder / "cgroup").write_text(process)
    return memory_limit(folder / "groups", folder / "cgroup")


@pytest.mark.parametrize(
    ("process", "limits", "expected"),
    [
        ("0::/\n", {"memory.max": _GIB}, _GIB),
        ("0::/\n", {"memory.max": "max"}, 0),
        ("0::/a/b\n", {"a/memory.max": _GIB, "a/b/memory.max": 2 * _GIB}, _GIB),
        ("0::/a/b\n", {"a/memory.max": "max", "a/b/memory.max": 2 * _GIB}, 2 * _GIB),
        ("0::/not/mounted\n", {"memory.max": _GIB}, _GIB),
        ("4:memory:/docker/1\n0::/\n", {"memory/memory.limit_in_bytes": _GIB}, _GIB),
        ("4:cpu,memory:/\n", {"memory/memory.limit_in_bytes": _GIB}, _GIB),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": 9223372036854771712}, 0),
        ("4:cpu:/\n", {"memory/memory.limit_in_bytes": _GIB}, 0),
        ("", {}, 0),
    ],
)
def test_the_smallest_limit_of_all_groups_counts(tmp_path, process, limits, expected):
    """Of the process's own group and those above it, in either version."""
    assert _limit(tmp_path, process, limits) == expected


def test_where_nothing_tells_there_is_no_limit(tmp_path):
    """A system without control groups bounds nothing by them."""
    assert memory_limit(tmp_path, tmp_path / "missing") == 0


def test_workers_share_a_limit():
    """Each has its part of nine tenths, and what it uses already is not left."""
    budget = Budget(8 * own_memory(), workers=2)
    alone = Budget(8 * own_memory(), workers=1)
    assert budget.total_bytes == pytest.approx(alone.total_bytes / 2, rel=0.1)
    assert 0 < budget.left_bytes < budget.total_bytes
    assert Budget(1, workers=1).left_bytes == 0
