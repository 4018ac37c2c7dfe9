"""Things of pandas, Polars and Arrow."""


def pandas_values():
    """Frames, series, indexes and types of every kind."""
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2], "b": [1.5, None], "c": ["x", "y"], "d": [True, False]})
    yield frame
    yield frame.astype({"c": "category"})
    yield frame["c"]
    yield frame.columns
    yield frame.dtypes
    yield frame.T
    yield pd.DataFrame()
    yield pd.Series([1.0, 2.0], name="x")
    yield pd.Series([1, 2], index=[3, 5])
    yield [pd.Index([1, 3]), pd.Index([1.5]), pd.Index(["a"]), pd.RangeIndex(3)]
    yield [pd.Int64Index([1]), pd.Float64Index([1.5])] if hasattr(pd, "Int64Index") else 1
    yield lambda: pd.UInt64Index([1])
    yield pd.MultiIndex.from_tuples([(1, "a"), (2, "b")])
    yield pd.CategoricalIndex(["a", "b"])
    yield pd.IntervalIndex.from_breaks([0, 1, 2])
    yield pd.date_range("2020", periods=3)
    yield pd.date_range("2020", periods=3, tz="UTC")
    yield lambda: pd.date_range("2020", periods=3, tz="Europe/Paris")
    yield lambda: pd.date_range("2020", periods=3, freq="h")
    yield pd.period_range("2020", periods=3, freq="D")
    yield pd.timedelta_range(0, periods=3)
    yield pd.Timestamp("2020-01-02")
    yield pd.Timestamp("2020-01-02", tz="UTC")
    yield pd.Timestamp("2020-01-02", tz="Europe/Paris")
    yield [pd.Timedelta(1), pd.Period("2020", "D"), pd.Interval(0, 1), pd.NaT]
    yield lambda: pd.NA
    yield pd.Categorical(["a", "b"], ordered=True)
    for name in sorted(dir(pd.offsets)):
        yield lambda name=name: getattr(pd.offsets, name)()
    for dtype in [
        "Int8",
        "Int16",
        "Int32",
        "Int64",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "Float32",
        "Float64",
        "boolean",
        "string",
        "category",
        "datetime64[ns]",
        "timedelta64[ns]",
        "Sparse[float]",
        "int64[pyarrow]",
        "string[pyarrow]",
        "string[python]",
        "float64[pyarrow]",
        "str",
        "bool[pyarrow]",
        "double[pyarrow]",
    ]:
        yield lambda dtype=dtype: pd.Series([None, None], dtype=dtype)
        yield lambda dtype=dtype: pd.Series([1, 0], dtype=dtype)
        yield lambda dtype=dtype: pd.Series(["1", "0"], dtype=dtype)
        yield lambda dtype=dtype: pd.DataFrame({"x": pd.Series([1, 0], dtype=dtype)}).dtypes
        yield lambda dtype=dtype: pd.Index([1, 0], dtype=dtype)
    yield lambda: pd.DataFrame.sparse.from_spmatrix(
        __import__("scipy.sparse").sparse.random(3, 3, 0.5)
    )
    yield lambda: pd.api.types.CategoricalDtype(["a"])
    yield lambda: pd.api.types.DatetimeTZDtype("ns", "UTC")
    yield lambda: pd.api.types.IntervalDtype("int64")
    yield lambda: pd.api.types.PeriodDtype("D")
    yield lambda: pd.arrays.PandasArray(np.arange(3))
    yield lambda: pd.arrays.NumpyExtensionArray(np.arange(3))
    yield lambda: pd.Series(pd.arrays.SparseArray([0, 0, 1]))
    yield lambda: pd.Series(pd.date_range("2020", periods=2, tz="UTC"))
    yield lambda: pd.Series(pd.period_range("2020", periods=2, freq="M"))
    yield lambda: pd.Series([{1}, [2]])
    yield lambda: frame.groupby("a").mean()
    yield lambda: pd.NamedAgg("a", "max")
    yield lambda: pd.Series(["a"], dtype=pd.StringDtype(na_value=np.nan))
    yield lambda: frame.convert_dtypes(dtype_backend="pyarrow")
    yield lambda: pd.DataFrame({"a": pd.Series(["x"], dtype="string")}).astype("category")
    yield lambda: frame.rename_axis("x").attrs


def frames_of_others():
    """Frames of Polars, tables of Arrow."""
    import polars as pl

    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None], "c": [1.5, 2.5], "d": [[1], [2]]})
    yield frame
    yield frame["a"]
    yield frame.schema
    for dtype in frame.schema.values():
        yield dtype
    yield lambda: pl.Series("x", ["a", "b"]).cast(pl.Categorical)
    yield lambda: pl.Datetime("us", "UTC")
    yield lambda: pl.Enum(["a"])
    yield [
        pl.Int8,
        pl.Int16,
        pl.Int32,
        pl.Int64,
        pl.UInt8,
        pl.UInt32,
        pl.UInt64,
        pl.Float32,
        pl.Float64,
        pl.Boolean,
        pl.Date,
        pl.Utf8,
        pl.Categorical,
        pl.Struct,
        pl.List,
    ]


def arrow():
    import pyarrow as pa

    table = pa.table({"a": [1, 2], "b": ["x", None], "c": [[1], [2]], "d": [{"x": 1}, None]})
    yield table
    yield table.schema
    yield table["a"]
    yield table["a"].chunk(0)
    yield table["b"].combine_chunks()
    yield table.to_batches()[0]
    for make in [
        "int8",
        "int64",
        "uint8",
        "float32",
        "float64",
        "string",
        "large_string",
        "bool_",
        "binary",
        "date32",
        "null",
        "string_view",
    ]:
        yield lambda make=make: getattr(pa, make)()
        yield lambda make=make: pa.array([None], getattr(pa, make)())
    yield lambda: pa.timestamp("ns", "UTC")
    yield lambda: pa.list_(pa.int8())
    yield lambda: pa.dictionary(pa.int8(), pa.string())
    yield lambda: pa.array(["a"]).dictionary_encode()
    yield lambda: pa.struct([("x", pa.int8())])
    yield lambda: pa.decimal128(5, 2)
    yield lambda: pa.scalar(1)
    yield lambda: pa.scalar("x")
    yield lambda: pa.field("x", pa.int8(), metadata={"a": "b"})
