"""The workers of a cluster write to an object store that all of them reach."""

from __future__ import annotations

import fsspec
import pandas as pd
import pytest
from engine_clauses import ROWS, SCRIPT

import modelship as ms
from modelship.bundle import Environment
from modelship.testing import with_lock

pytestmark = pytest.mark.long


def test_workers_of_dask_write_to_a_store(s3_server, bare_lock, tmp_path):
    """The bundle comes from the store, too, and nothing of the work is left in it."""
    pytest.importorskip("distributed")
    (tmp_path / "score.py").write_text(SCRIPT.replace("INIT", "pass"))
    environment = Environment(python=bare_lock.python, requirements=())
    made = ms.ScoringBundle([], entry_script=tmp_path / "score.py", environment=environment)
    pd.DataFrame({"a": range(ROWS)}).to_csv(tmp_path / "rows.csv", index=False)
    url = f"s3://{s3_server}/dask/out"
    options = ms.BatchOptions(piece_bytes=200, call_rows=20)
    job = ms.BatchJob(
        with_lock(made, lock=bare_lock), tmp_path / "rows.csv", url,
        options=options, engine="dask", check="off",
    )  # fmt: skip
    summary = job.run(show_output=False)
    bad = [each for each in range(ROWS) if each % 50 == 7]
    assert (summary.rows_out, summary.failed) == (ROWS - len(bad), len(bad))
    system, root = fsspec.core.url_to_fs(url)
    system.invalidate_cache()
    names = [each.removeprefix(f"{root}/") for each in system.find(root)]
    found = [pd.read_csv(system.open(f"{root}/{each}")) for each in names if each[0] != "_"]
    assert sorted(pd.concat(found).a) == sorted({*range(ROWS)} - {*bad})
    assert not [each for each in names if "/drafts/" in each or "/drivers/" in each]
