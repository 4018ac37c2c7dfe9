"""Puts figures into a page, between its marks; what stands around them stays."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["write_figures"]


def write_figures(page: Path, figures: str, *, section: str, picture: Path | None = None) -> None:
    """Replace what stands between `<!-- section: begin -->` and `<!-- section: end -->`.

    Raises
    ------
    SystemExit
        The page has no such marks.
    """
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    content = page.read_text()
    if begin not in content or end not in content:
        raise SystemExit(f"{page} has no lines {begin} and {end}.")
    if picture:
        link = Path(os.path.relpath(picture, page.parent)).as_posix()
        figures = f"![Server cpu per request]({link})\n\n{figures}"
    block = f"{begin}\n\n{figures}\n\n{end}"
    pattern = f"{re.escape(begin)}.*?{re.escape(end)}"
    page.write_text(re.sub(pattern, lambda _: block, content, flags=re.DOTALL))
