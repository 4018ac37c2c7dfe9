"""Find code that changes imports, unpickling or its own names at runtime."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from modelship.bundle.generated import is_ours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.bundle.scoring_script import SourceFile

__all__ = ["Tricks"]

_GUARD: Final = re.compile(rb"__name__\s*==\s*['\"]__main__['\"]")
# Calls that put modules where Python finds them, or replace code.
_IMPORTING: Final = re.compile(
    rb"\bsys\.modules\b|\bimport\s+modules\b|\bmeta_path\b|\bpath_hooks\b|\b__path__\b"
    rb"|\bextend_path\b|\bpip\b|\bensurepip\b|\bexec\(|\brunpy\b|\b__import__\s*=|\bcreate_module\b"
    rb"|\bzipimport\b|\bspec_from_file_location\b|\b__package__\s*="
)
_UNPICKLING: Final = re.compile(
    rb"\bfind_class\b|\bUnpickler\b|\bpersistent_load\b|\bdispatch_table\b"
)
_NAMING: Final = re.compile(
    rb"\bglobals\(\)|\bexec\(|\bsetattr\(|\bsys\.modules\b|\bvars\(|__getattr__"
)
_MAPPING: Final = re.compile(rb"mmap")
_ENCODING: Final = re.compile(
    rb"\bJSONEncoder\b|\b_default_encoder\b|\bjson\.dumps\s*=|\bset_json\w*"
)


@dataclass(frozen=True)
class Tricks:
    """What the source may change at run time, so that only running it shows the result.

    Parameters
    ----------
    source : Sequence[SourceFile]
        The script and the files next to it.
    """

    source: Sequence[SourceFile]

    @cached_property
    def _scripts(self) -> list[bytes]:
        scripts = (each for each in self.source if each.path.endswith(".py") and not is_ours(each))
        return [_GUARD.sub(b"", each.content) for each in scripts]

    def _mention(self, pattern: re.Pattern[bytes]) -> bool:
        return any(pattern.search(content) for content in self._scripts)

    @cached_property
    def imports(self) -> bool:
        """Whether it may make modules importable in a way other than ``sys.path``."""
        return self._mention(_IMPORTING)

    @cached_property
    def unpickling(self) -> bool:
        """Whether it may change what the names in a pickle resolve to."""
        return self.imports or self._mention(_UNPICKLING)

    @cached_property
    def main(self) -> bool:
        """Whether it may add something to ``__main__``, or replace it."""
        return self.unpickling or any(b"__main__" in content for content in self._scripts)

    @cached_property
    def names(self) -> bool:
        """Whether it may bind module-level names in a way that is not analyzed."""
        return self._mention(_NAMING)

    @cached_property
    def encoding(self) -> bool:
        """Whether it may change how values are serialized as JSON."""
        return self._mention(_ENCODING)

    @cached_property
    def mapping(self) -> bool:
        """Whether it may map a file into memory instead of reading it."""
        return self._mention(_MAPPING)

    def assigns(self, name: str) -> bool:
        """Return whether an attribute `name` of some module may be assigned from outside."""
        return self.names or self._mention(re.compile(rb"\.%b\s*=[^=]" % re.escape(name.encode())))

    def defines(self, name: str) -> bool:
        """Return whether the source defines a function or method `name`."""
        return self._mention(re.compile(rb"\bdef\s+%b\b" % re.escape(name.encode())))
