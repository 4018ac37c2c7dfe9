"""PySpark: read, mapInArrow, write, in local mode."""

from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql.types import LongType, StructField, StructType
from scored_rows import Task, append_predictions

BATCH_ROWS = 5_000


def main():
    """Score all files."""
    task = Task.load()
    spark = (
        SparkSession.builder.master(f"local[{task.workers}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", BATCH_ROWS)
        .getOrCreate()
    )
    if task.format == "csv":
        rows = spark.read.csv(task.folder, header=True, inferSchema=True)
    else:
        rows = spark.read.parquet(task.folder)
    answer = StructType([*rows.schema.fields, StructField("prediction", LongType())])
    schema = _arrow_schema(answer)

    def predict(batches):
        import pyarrow as pa

        for batch in batches:
            table = append_predictions(pa.Table.from_batches([batch]), task)
            yield from table.cast(schema).to_batches()

    scored = rows.mapInArrow(predict, answer)
    if task.format == "csv":
        scored.write.csv(task.output, header=True)
    else:
        scored.write.parquet(task.output)
    Path(task.output, ".done").touch()
    spark.stop()


def _arrow_schema(schema):
    from pyspark.sql.pandas.types import to_arrow_schema

    return to_arrow_schema(schema)


if __name__ == "__main__":
    main()
