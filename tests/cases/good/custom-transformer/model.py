import importlib.util
import sys
from pathlib import Path

import joblib
from cases.models import digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

MODULE = Path(__file__).parent / "code" / "ratios.py"


def write(folder):
    spec = importlib.util.spec_from_file_location("ratios", MODULE)
    ratios = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(ratios)
    sys.modules["ratios"] = ratios  # pickle looks there
    try:
        model = make_pipeline(ratios.AddRatio(), LogisticRegression()).fit(*digits())
        joblib.dump(model, folder / "model.pkl")
    finally:
        del sys.modules["ratios"]
