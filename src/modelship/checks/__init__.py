"""Check a bundle before anything is built or uploaded."""

from typing import TYPE_CHECKING

from modelship.on_first_use import names_from

if TYPE_CHECKING:
    from modelship.checks.loading_rules import require_loadable, require_sound
    from modelship.checks.preflight import check, check_parts
    from modelship.checks.script_rules import lost_paths

__all__ = ["check", "check_parts", "lost_paths", "require_loadable", "require_sound"]

__getattr__, __dir__ = names_from(
    __name__,
    {
        "loading_rules": ["require_loadable", "require_sound"],
        "preflight": ["check", "check_parts"],
        "script_rules": ["lost_paths"],
    },
)
