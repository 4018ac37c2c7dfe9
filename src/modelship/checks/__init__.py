"""Check a bundle before anything is built or uploaded."""

from modelship.checks.loading_rules import require_loadable, require_sound
from modelship.checks.preflight import check, check_parts
from modelship.checks.script_rules import lost_paths

__all__ = ["check", "check_parts", "lost_paths", "require_loadable", "require_sound"]
