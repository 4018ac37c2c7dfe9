import os

import joblib
import pandas as pd
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema

data_sample = pd.DataFrame({"length": pd.Series([0.1], dtype="float64"), "width": [0.2]})
method_sample = StandardPythonParameterType("predict")


def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"))


@input_schema("method", method_sample, convert_to_provided_type=False)
@input_schema("data", PandasParameterType(data_sample))
def run(data, method="predict"):
    if method == "predict_proba":
        return {"probabilities": model.predict_proba(data.to_numpy()).tolist()}
    return {"labels": [int(label) for label in model.predict(data.to_numpy())]}
