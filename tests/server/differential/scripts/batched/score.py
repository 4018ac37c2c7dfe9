"""A typed script whose rows may be scored together; it tells how many were."""

import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema

BATCHABLE = True


def init():
    pass


@input_schema("data", NumpyParameterType(np.zeros((1, 2)), enforce_shape=False))
def run(data):
    if (data < 0).any():
        raise ValueError("a negative value")
    return [[float(row.sum()), len(data)] for row in data]
