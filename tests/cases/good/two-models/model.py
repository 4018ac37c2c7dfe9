import joblib
from cases.models import digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler


def write(folder):
    trained = folder / "trained"
    trained.mkdir()
    X, y = digits()
    scaler = StandardScaler().fit(X)
    joblib.dump(scaler, trained / "scaler.joblib")
    joblib.dump(LogisticRegression().fit(scaler.transform(X), y), trained / "classifier.joblib")
