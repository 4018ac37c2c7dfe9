"""Scores, and asks a store of features if it may.

The store's address is https://USER:PASSWORD@host/ in its documents; here the password is in the
variable STORE_PASSWORD, see https://example.org/docs?sig=signature.
"""

import json
import os
import pickle

PASSWORD_VARIABLE = "STORE_PASSWORD"
password = os.environ.get(PASSWORD_VARIABLE, "")
api_key = os.getenv("STORE_API_KEY") or None
TOKEN_URL = "https://login.example.org/oauth2/v2.0/token"
CONFIG = {"user": "scoring", "password": password, "secret_name": "store-password"}


def init():
    global weights
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.pkl"), "rb") as file:
        weights = pickle.load(file)


def run(raw_data):
    xs = json.loads(raw_data)["data"]
    values = [weights["coefficients"][0] * x + weights["intercept"] for x in xs]
    return {"values": values, "authorized": bool(CONFIG["password"] and api_key)}
