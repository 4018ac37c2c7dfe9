"""What is wrong with a bundle, told before anything is built or sent."""

from modelship.bundle.checks.loading import require_loadable
from modelship.bundle.checks.preflight import check, check_parts
from modelship.bundle.checks.script import lost_paths

__all__ = ["check", "check_parts", "lost_paths", "require_loadable"]
