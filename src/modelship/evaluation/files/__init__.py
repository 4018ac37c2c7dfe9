"""Test sets in files: CSV, Parquet, JSON and NumPy's archives."""

from modelship.evaluation.files.datafile import DataFile

__all__ = ["DataFile"]
