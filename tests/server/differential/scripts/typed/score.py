"""The commonest decorated run(): one array, and an output that is declared too."""

import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema


def init():
    """Do nothing."""


@input_schema("data", NumpyParameterType(np.array([[0.5, 1.0, 2.0]])))
@output_schema(StandardPythonParameterType({"sum": [1.0]}))
def run(data):
    """Answer what came, bit for bit."""
    return {
        "values": [each.hex() for each in data.ravel().tolist()],
        "shape": list(data.shape),
        "type": str(data.dtype),
        "is": type(data).__name__,
        "flags": [bool(data.flags.c_contiguous), bool(data.flags.writeable)],
    }
