"""Wrap models of other libraries in the interface of scikit-learn's estimators.

Only the modules that its model needs are copied next to a scoring script, since each imports its
library.
"""
