"""The shortest way from a fitted estimator to a service, without any file written by hand.

::

    python examples/quickstart/quickstart.py
"""

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import modelship as ms

if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16.0, y, random_state=0)
    classifier = LogisticRegression(max_iter=1000).fit(X_train, y_train)

    model = ms.ModelSource.open(classifier, name="digits").fetch("outputs")
    evaluator = ms.Evaluator(X_test, y_test)
    report = evaluator.evaluate(model).require(accuracy=0.9)

    bundle = ms.ScoringBundle(model, sample_input={"data": X_test[:2]})
    with ms.DeployTarget.open("process").deploy(bundle, name="digits") as deployment:
        print(deployment.run({"data": X_test[:5]}), "expected", y_test[:5].tolist())
        assert (evaluator.evaluate(deployment).y_pred == report.y_pred).all()
    print(report)
