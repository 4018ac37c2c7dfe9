"""A decorated run() with a parameter of each kind, some of them with defaults, and the headers."""

import datetime

import numpy as np
import pandas as pd
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

_FRAME = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": ["x", "y"]})
_NESTED = StandardPythonParameterType(
    {
        "array": NumpyParameterType(np.array([[1, 2]]), enforce_shape=False),
        "frame": PandasParameterType(_FRAME),
        "inner": StandardPythonParameterType(
            {"list": StandardPythonParameterType([StandardPythonParameterType(0.5)])}
        ),
        "plain": 3,
    }
)


def init():
    """Do nothing."""


def _told(value):
    if isinstance(value, np.ndarray):
        return ["array", str(value.dtype), list(value.shape), value.tolist()]
    if isinstance(value, pd.DataFrame):
        return ["frame", [str(each) for each in value.dtypes], value.to_json(orient="split")]
    if isinstance(value, dict):
        return {key: _told(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(_told, value)]
    return [type(value).__name__, str(value)]


@input_schema("array", NumpyParameterType(np.array([1, 2], dtype="int32")))
@input_schema("frame", PandasParameterType(_FRAME), optional=True)
@input_schema("nested", _NESTED, optional=True)
@input_schema("count", StandardPythonParameterType(1), optional=True)
@input_schema("ratio", StandardPythonParameterType(0.5), optional=True)
@input_schema("when", StandardPythonParameterType(datetime.datetime(2020, 1, 2)), optional=True)
@input_schema("bits", StandardPythonParameterType(b"abc"), optional=True)
@output_schema(NumpyParameterType(np.array([1.0])))
def run(array, request_headers, frame=None, nested=None, count=3, ratio=0.25, when=None, bits=None):
    """Answer what came."""
    given = {"array": array, "frame": frame, "nested": nested, "count": count, "ratio": ratio,
             "when": when, "bits": bits}  # fmt: skip
    return {**{key: _told(value) for key, value in given.items()},
            "agent": request_headers.get("User-Agent")}  # fmt: skip
