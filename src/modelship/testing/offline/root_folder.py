"""A folder of root certificates, of which a client reads an offline workspace's alone.

OpenSSL reads a file of roots as a whole: about 150 certificates with each new connection of
requests, some 60 ms. In a folder it reads the file with the issuer's name (``openssl rehash``).
"""

from __future__ import annotations

import os
import shutil
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["write_roots"]


def write_roots(folder: Path, *, bundle: Path, certificates: Iterable[str], own: str) -> None:
    """Replace the content of a folder by root certificates, under the names OpenSSL looks for.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    bundle : Path
        The file of all certificates, beside the folder. It is read if a client needs one of them.
    certificates : iterable of str
        The certificates in it; PEM. One that cannot be read is left out.
    own : str
        The certificate that has a file of its own, one of them; PEM.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    names = {text: _name(text) for text in [own, *certificates]}
    # Those of other workspaces, which may be open too, have the same name.
    alike = [text for text, name in names.items() if name == names[own]]
    for number, text in enumerate(alike):
        (folder / f"{names[own]}.{number}").write_text(text, encoding="ascii")
    others = {*names.values()} - {names[own], None}
    links = [folder / f"{name}.0" for name in others]
    for path in links:
        _link(path, target=f"../{bundle.name}", alike=links[0])


def _link(path: Path, *, target: str, alike: Path) -> None:
    """Make a symbolic link, if possible as one more name of another: as a file it costs tenfold."""
    try:
        os.link(alike, path, follow_symlinks=False)
    except (OSError, NotImplementedError):  # the first one, or a system without such names
        path.symlink_to(target)


@cache  # the roots of a machine are the same for all workspaces of a process
def _name(text: str) -> str | None:
    from OpenSSL import crypto

    try:
        certificate = crypto.load_certificate(crypto.FILETYPE_PEM, text.encode("ascii"))
    except (crypto.Error, ValueError):
        return None
    return f"{certificate.subject_name_hash():08x}"
