"""Dask: the same function for each file, on a local cluster of processes."""

from pathlib import Path

from dask.distributed import Client, LocalCluster
from scored_rows import Task


def main():
    """Score all files."""
    task = Task.load()
    Path(task.output).mkdir()
    with (
        LocalCluster(
            n_workers=task.workers, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        rows = client.gather(client.map(task.score_file, task.inputs))
        Path(task.output, ".done").touch()
    print(sum(rows), "rows")


if __name__ == "__main__":
    main()
