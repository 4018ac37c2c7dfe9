"""The least that one has to do: a loop over files; with more workers, one in each process."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from scored_rows import Task


def main():
    """Score all files."""
    task = Task.load()
    Path(task.output).mkdir()
    if task.workers == 1:
        rows = [task.score_file(each) for each in task.inputs]
    else:
        with ProcessPoolExecutor(task.workers) as pool:
            rows = list(pool.map(task.score_file, task.inputs))
    print(sum(rows), "rows")


if __name__ == "__main__":
    main()
