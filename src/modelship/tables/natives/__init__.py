"""Wrap models of other libraries in the interface of scikit-learn's estimators.

Beside a scoring script lie only the modules that its model needs, since each imports its library.
"""
