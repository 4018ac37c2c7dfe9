"""Puts figures into a page, between its marks, and all tables as CSV into a folder beside it."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tables import Table

__all__ = ["write_data", "write_figures"]


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


def write_data(page: Path, tables: list[Table]) -> None:
    """Write each table to a file of its name, in the folder that is called as the page is."""
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    for table in tables:
        with (folder / f"{table.name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([table.head, *table.rows])
