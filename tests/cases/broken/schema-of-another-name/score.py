import os
import pickle

from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema


def init():
    global weights
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.pkl"), "rb") as file:
        weights = pickle.load(file)


@input_schema("data", StandardPythonParameterType([1.0]))
def run(inputs):
    return [weights["coefficients"][0] * x + weights["intercept"] for x in inputs]
