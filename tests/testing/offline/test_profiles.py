"""Profiles: a model is run with the rows of a dataset, and what it takes is measured.

``test_client_scripts.py`` profiles one with the SDK.
"""

from __future__ import annotations

import json

import pytest

from modelship.testing.offline.document_store import Store
from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.profiling.measuring import Measured
from modelship.testing.offline.profiling.profile_rows import rows_of

PLACE = "azureml://subscriptions/s/workspaces/w/datastores/workspaceblobstore/paths"


def test_percentiles_and_recommendations_are_of_what_was_measured():
    """The nearest rank; a fifth more than the most that was used, to the next tenth."""
    latencies = tuple(float(each) for each in range(1, 101))
    found = Measured(latencies, ("500: no",), 10.0, 0.51, int(0.3 * 2**30)).document
    assert [found[f"latencyPercentile{each}InMs"] for each in ("50", "99", "999")] == [50, 99, 100]
    assert (found["successRate"], found["measuredQueriesPerSecond"]) == (99.0, 10.0)
    assert (found["recommendedCpu"], found["recommendedMemoryInGB"]) == (0.7, 0.4)


@pytest.mark.parametrize(
    ("read", "rows"),
    [
        ({"delimiter": "\n"}, ["a,b", "c"]),
        ({"delimiter": ",", "header": "all_files_different_headers"}, ["c"]),
        ({"encoding": "utf16"}, "the encoding utf16"),
        (None, "other files"),
    ],
)
def test_rows_are_read_as_the_dataset_says(tmp_path, read, rows):
    """What would be read in another way is refused with its name."""
    store = Store(tmp_path)
    blob = store.blob("samples/r.txt", container="azureml-blobstore-1")
    blob.parent.mkdir(parents=True)
    blob.write_text("a,b\n\nc\n")
    steps = [{"read_delimited": read}] if read else []
    flow = {"paths": [{"pattern": f"{PLACE}/samples/*.txt"}], "transformations": steps}
    dataset = {"dataflowJson": json.dumps({"meta": {"RsDataflow": json.dumps(flow)}})}
    if isinstance(rows, list):
        assert rows_of(dataset, store, container="azureml-blobstore-1") == rows
    else:
        with pytest.raises(RefusalError, match=rows):
            rows_of(dataset, store, container="azureml-blobstore-1")
