"""Draw which packages import which, for the page about the architecture.

::

    python docs/_site/packages.py

writes ``docs/explanation/packages.svg``, and the table between the marks of its page. The
layers are those that import-linter holds (``pyproject.toml``), the imports are read by grimp from
the source, and what a package is for is the first sentence of its docstring.
"""

from __future__ import annotations

import ast
import re
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs/explanation/packages.svg"
PAGE = ROOT / "docs/explanation/architecture.md"
BEGIN, END = "<!-- packages: begin -->", "<!-- packages: end -->"
STEP, LEFT, TOP = 24, 170, 150
STYLE = (
    "<style>text{font:13px sans-serif;fill:#1f2933}.paper{fill:#fff}.layer{fill:#eef2f5}"
    ".self{fill:#9aa5b1}.import{fill:#0b6e4f}"
    "@media (prefers-color-scheme:dark){text{fill:#e4e7eb}.paper{fill:#1f2430}.layer{fill:#2b3240}"
    ".self{fill:#6b7785}.import{fill:#4cc38a}}</style>"
)


def layers():
    """Return the packages, layer by layer, from the top; what is in no layer comes last."""
    text = (ROOT / "pyproject.toml").read_text().partition("\nlayers = [")[2].partition("\n]")[0]
    lines = re.findall(r'^  "([^"]+)"', text, re.MULTILINE)
    found = [sorted(each.split(".")[1] for each in line.split(" | ")) for line in lines]
    known = {name for layer in found for name in layer}
    files = (ROOT / "src/modelship").iterdir()
    names = {each.stem for each in files if each.suffix == ".py" or (each / "__init__.py").exists()}
    return [*found, *([name] for name in sorted(names - known - {"__init__"}))]


def imports(names):
    """Return which package imports which directly, as pairs of names."""
    graph = grimp.build_graph("modelship", cache_dir=None)
    pairs = (
        (importer.split(".")[1], imported.split(".")[1])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if importer.count(".") and imported.count(".")
    )
    return {pair for pair in pairs if pair[0] != pair[1] and set(pair) <= set(names)}


def purpose(name):
    """Return the first sentence of a package's docstring."""
    place = ROOT / "src/modelship" / name
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def picture(rows, pairs):
    """Return the picture: a row and a column for each package, and a dot for each import."""
    names = [name for layer in rows for name in layer]
    place = {name: number for number, name in enumerate(names)}
    size = STEP * len(names)
    width, height = LEFT + size + 20, TOP + size + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>Which package imports which: a dot in a row is an import of the column</title>",
        STYLE,
        f'<rect class="paper" width="{width}" height="{height}"/>',
    ]
    for number, layer in enumerate(rows):
        if number % 2 == 0:
            y, tall = TOP + STEP * place[layer[0]], STEP * len(layer)
            parts.append(f'<rect class="layer" y="{y}" width="{width}" height="{tall}"/>')
    for name in names:
        middle = STEP * place[name] + STEP // 2
        x, y = LEFT + middle, TOP + middle
        parts += [
            f'<text x="{LEFT - 10}" y="{y + 5}" text-anchor="end">{escape(name)}</text>',
            f'<text transform="translate({x + 5} {TOP - 10}) rotate(-60)">{escape(name)}</text>',
            f'<rect class="self" x="{x - 4}" y="{y - 4}" width="8" height="8"/>',
        ]
    for importer, imported in sorted(pairs, key=lambda pair: (place[pair[0]], place[pair[1]])):
        x = LEFT + STEP * place[imported] + STEP // 2
        y = TOP + STEP * place[importer] + STEP // 2
        parts.append(f'<circle class="import" cx="{x}" cy="{y}" r="5"/>')
    return "\n".join([*parts, "</svg>", ""])


def table(rows):
    """Return the packages with what each is for, as Markdown."""
    lines = [f"| `{name}` | {purpose(name)} |" for layer in rows for name in layer]
    return "\n".join(["| package | purpose |", "|---|---|", *lines])


def drawn():
    """Return the picture, and the page with its table, as they should be."""
    rows = layers()
    pairs = imports([name for layer in rows for name in layer])
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    tail = rest.partition(END)[2]
    return picture(rows, pairs), f"{head}{BEGIN}\n\n{table(rows)}\n\n{END}{tail}"


if __name__ == "__main__":
    for file, content in zip((PICTURE, PAGE), drawn(), strict=True):
        file.write_text(content, encoding="utf-8")
