import json
import os
import pickle

from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse


def init():
    global weights
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.pkl"), "rb") as file:
        weights = pickle.load(file)


@rawhttp
def run(request: AMLRequest):
    if request.method == "GET":
        return AMLResponse("send a POST", 405)
    try:
        xs = json.loads(request.get_data())["data"]
    except (ValueError, KeyError):
        return AMLResponse({"message": "data is missing"}, 400, json_str=True)
    answer = [weights["coefficients"][0] * x + weights["intercept"] for x in xs]
    response = AMLResponse(answer, 200, json_str=True)
    response.headers["x-model"] = "line"
    return response
