"""Names a drawn shape: 400 brightnesses between 0 and 1, row by row; the nearest template wins."""

import json

SIDE = 20
FINE = 4
"""How many points a pixel is tried at, in each direction: it makes the edges gray."""

SHAPES = {
    "circle": lambda x, y: x * x + y * y < 0.5,
    "square": lambda x, y: max(abs(x), abs(y)) < 0.6,
    "triangle": lambda x, y: -0.7 < y < 0.6 and abs(x) < (y + 0.7) * 0.55,
    "cross": lambda x, y: min(abs(x), abs(y)) < 0.2 and max(abs(x), abs(y)) < 0.75,
    "ring": lambda x, y: 0.25 < x * x + y * y < 0.6,
}

templates = {}


def picture(name):
    """Draw a shape as a list of 400 brightnesses."""
    inside = SHAPES[name]
    return [
        round(sum(inside(x, y) for y in _points(row) for x in _points(column)) / FINE**2, 3)
        for row in range(SIDE)
        for column in range(SIDE)
    ]


def init():
    """Draw the templates."""
    templates.update({name: picture(name) for name in SHAPES})


def run(raw_data):
    """Return the shapes' names; or fail, or send something back, as the tests ask."""
    body = json.loads(raw_data)
    if "fail" in body:
        raise ValueError(body["fail"])
    if "back" in body:
        return body["back"]
    if "count" in body:
        return {"characters": len(raw_data)}
    return {"shape": [_nearest(row) for row in body["data"]]}


def _points(pixel):
    return [(2 * pixel + (2 * each + 1) / FINE) / SIDE - 1 for each in range(FINE)]


def _nearest(row):
    def distance(name):
        return sum((a - b) ** 2 for a, b in zip(row, templates[name], strict=True))

    return min(templates, key=distance)
