"""Read test sets from CSV, Parquet, JSON and NumPy files."""

from modelship.evaluation.files.datafile import DataFile

__all__ = ["DataFile"]
