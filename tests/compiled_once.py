"""Compile the package of written scripts once in a process, however many copies are imported.

Each written script brings a copy of ``modelship.tables`` in a folder of its own, and to compile it
takes ten times as long as the rest of its import.
"""

import _imp
import marshal
import sys
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path

_PACKAGE = "modelship_tables"
_compiled = {}


class CompiledOnce(SourceFileLoader):
    """Read a module of which another copy may have been compiled already."""

    def source_to_code(self, data, path, **options):
        """Return the code of a source; Python puts the place of a copy into its bytecode alike."""
        if data not in _compiled:
            _compiled[data] = marshal.dumps(super().source_to_code(data, path, **options))
        code = marshal.loads(_compiled[data])
        _imp._fix_co_filename(code, path)
        return code

    def set_data(self, path, data, **options):
        """Write no bytecode."""


class Copies:
    """Finds the copies, where Python would find them."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """Return how a module of a copy is imported; None for all other modules."""
        if name.partition(".")[0] != _PACKAGE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = CompiledOnce(spec.loader.name, spec.loader.path)
        return spec


def compile_once():
    """Let this process and its forks import the copies so."""
    sys.meta_path.insert(0, Copies)


def compile_copy(folder):
    """Compile the copy in a folder, if there is one, for the forks of this process."""
    for path in Path(folder, _PACKAGE).rglob("*.py"):
        CompiledOnce("", str(path)).source_to_code(path.read_bytes(), str(path))


def pytest_configure():
    """Do so in the tests."""
    compile_once()
