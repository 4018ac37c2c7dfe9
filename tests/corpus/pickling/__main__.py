"""Pickle everything, and write what was noted to the file that the command line names."""

import json
import sys
import warnings

from corpus.pickling import (
    classes,
    estimators,
    functions,
    of_numpy,
    of_others,
    of_pandas,
    of_python,
    of_sklearn,
    programs,
)
from corpus.pickling.noting import FAILED, FOUND, each

SECTIONS = (
    of_python.python,
    of_python.methods,
    of_numpy.numpy_values,
    of_numpy.scipy_values,
    of_pandas.pandas_values,
    of_pandas.frames_of_others,
    of_pandas.arrow,
    estimators.sklearn_estimators,
    of_sklearn.sklearn_values,
    of_others.boosters,
    of_others.other_estimators,
    of_others.category_encoders_fitted,
    of_others.statsmodels_values,
    programs.picklers,
    functions.public_functions,
    functions.pandas_functions,
    functions.ufuncs,
    classes.classes,
    classes.enums,
    classes.classes_of_python,
)


def main():
    warnings.simplefilter("ignore")
    for section in SECTIONS:
        sys.stderr.write("{} {}\n".format(section.__name__, len(FOUND)))
        each(section)
    mine = {name: use for name, use in FOUND.items() if not name.startswith("__main__")}
    with open(sys.argv[1], "w") as file:
        json.dump({"names": mine, "failed": FAILED.most_common()}, file, indent=0, sort_keys=True)


main()
