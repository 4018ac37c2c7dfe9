from ..math import constants


def scale(x):
    return x / constants.FACTOR


def line(weights, x):
    return weights["coefficients"][0] * x + weights["intercept"]
