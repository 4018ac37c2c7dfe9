"""A folder of root certificates, of which a client reads only the one that it needs.

OpenSSL reads a file of roots as a whole: about 150 certificates with each new connection of
requests, some 60 ms. In a folder it looks for the name of the issuer (``openssl rehash``).
"""

from __future__ import annotations

import shutil
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["write_roots"]


def write_roots(folder: Path, certificates: Iterable[str]) -> None:
    """Replace the content of a folder by root certificates, under the names OpenSSL looks for.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    certificates : iterable of str
        One certificate each; PEM. One that cannot be read is left out.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    taken: Counter[str] = Counter()
    for text in dict.fromkeys(certificates):
        if name := _name(text):
            (folder / f"{name}.{taken[name]}").write_text(text, encoding="ascii")
            taken[name] += 1


@cache  # the roots of a machine are the same for all workspaces of a process
def _name(text: str) -> str | None:
    from OpenSSL import crypto

    try:
        certificate = crypto.load_certificate(crypto.FILETYPE_PEM, text.encode("ascii"))
    except (crypto.Error, ValueError):
        return None
    return f"{certificate.subject_name_hash():08x}"
