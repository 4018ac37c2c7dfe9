import json
import os

import numpy as np
import onnxruntime as ort


def init():
    global session, input_name, output_name
    model_path = os.path.join(os.getenv("AZUREML_MODEL_DIR"), "sum.onnx")
    session = ort.InferenceSession(model_path, providers=["CPUExecutionProvider"])
    input_name = session.get_inputs()[0].name
    output_name = session.get_outputs()[0].name


def run(raw_data):
    data = np.array(json.loads(raw_data)["data"]).astype("float32")
    result = session.run([output_name], {input_name: data})[0]
    return result.tolist()
