import glob
import json
import os
import pickle


class Scorer:
    def __init__(self):
        self.weights = None

    def init(self):
        # Whatever the file is called: there is one.
        [path] = glob.glob(os.path.join(os.environ["AZUREML_MODEL_DIR"], "*.pkl"))
        with open(path, "rb") as file:
            self.weights = pickle.load(file)

    def run(self, raw_data):
        weights = self.weights
        xs = json.loads(raw_data)["data"]
        return [weights["coefficients"][0] * x + weights["intercept"] for x in xs]


scorer = Scorer()
init = scorer.init
run = scorer.run
