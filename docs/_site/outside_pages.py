"""Show pages from outside of ``docs/`` on the site, where the links of the others lead.

A hook of MkDocs (``hooks`` in ``mkdocs.yml``). Links are written so that they work in the
repository; those that leave ``docs/`` lead here to a copy of the page that they name.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/broken-bundles.md": "broken-bundles.md",
}
UNSEARCHED = {"CHANGELOG.md", "benchmarks/broken-bundles.md"}  # long, or generated
LINK = re.compile(r"\]\(([\w./-]+)(#[\w-]+)?\)")
# A reference as Sphinx writes it in a docstring, such as :meth:`~modelship.Model.load`.
ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):<code>(?:~[\w.]*\.)?(?:modelship\.)?")


def on_files(files, config):
    """Add the pages from outside."""
    for page, name in PAGES.items():
        text = (ROOT / page).read_text()
        if page in UNSEARCHED:
            text = f"---\nsearch: {{exclude: true}}\n---\n{text}"
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown, page, **_):
    """Let the links into and out of ``docs/`` lead to the pages of the site."""
    name = page.file.src_uri
    origin = {shown: original for original, shown in PAGES.items()}.get(name, f"docs/{name}")
    here = posixpath.dirname(origin)

    def follow(found):
        target = posixpath.normpath(posixpath.join(here, found[1]))
        shown = PAGES.get(target, target.removeprefix("docs/"))
        if target == shown and target not in PAGES:  # it is no page of the site
            return found[0]
        link = os.path.relpath(shown, posixpath.dirname(name) or ".")
        return f"]({link}{found[2] or ''})"

    return LINK.sub(follow, markdown)


def on_page_content(html, **_):
    """Show the references of docstrings as code, without their roles."""
    return ROLE.sub("<code>", html)
