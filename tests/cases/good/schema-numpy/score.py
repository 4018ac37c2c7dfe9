import os

import joblib
import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema, output_schema

input_sample = np.array([[0.1, 0.2]])
output_sample = np.array([0])


def init():
    global model
    model = joblib.load(os.path.join(os.environ.get("AZUREML_MODEL_DIR"), "model.pkl"))


@input_schema("data", NumpyParameterType(input_sample))
@output_schema(NumpyParameterType(output_sample))
def run(data):
    try:
        result = model.predict(data)
        return result.tolist()
    except Exception as e:
        return str(e)
