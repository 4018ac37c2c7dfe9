"""Models in the files of other libraries, with the methods of scikit-learn's estimators.

Beside a scoring script lie only the modules that its model needs, since each imports its library.
"""
