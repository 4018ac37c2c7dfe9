"""Custom steps, in a module next to a scoring script."""

from sklearn.base import BaseEstimator, TransformerMixin


class Ratio(TransformerMixin, BaseEstimator):
    """Adds the ratio of two columns of a DataFrame, which it asks by their names."""

    def __init__(self, above, below):
        self.above = above
        self.below = below

    def fit(self, X, y=None):
        self.feature_names_in_ = X.columns.to_numpy(dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X.assign(ratio=X[self.above] / X[self.below])


def day_of_year(X):
    """Return the dates of a DataFrame as numbers."""
    return X.assign(since=X["since"].dt.day_of_year)
