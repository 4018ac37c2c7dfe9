"""Ray Data: read, map batches in actors, write."""

from pathlib import Path

import ray
from scored_rows import Task, append_predictions

BATCH_ROWS = 5_000


class Predictor:
    """What an actor does."""

    def __init__(self, task):
        self.task = task

    def __call__(self, table):
        """Return a batch with its predictions."""
        return append_predictions(table, self.task)


def main():
    """Score all files."""
    task = Task.load()
    # The workers have no CPU of their own, so that reading and writing find one.
    ray.init(num_cpus=task.workers, include_dashboard=False, log_to_driver=False)
    read = {"csv": ray.data.read_csv, "parquet": ray.data.read_parquet}[task.format]
    scored = read(task.folder).map_batches(
        Predictor,
        fn_constructor_args=(task,),
        batch_format="pyarrow",
        batch_size=BATCH_ROWS,
        num_cpus=0,
        compute=ray.data.ActorPoolStrategy(size=task.workers),
    )
    getattr(scored, f"write_{task.format}")(task.output)
    Path(task.output, ".done").touch()
    ray.shutdown()


if __name__ == "__main__":
    main()
