"""What is wrong with a bundle, told before anything is built or sent."""

from modelship.bundle.checks.loading import require_loadable
from modelship.bundle.checks.preflight import check, check_parts

__all__ = ["check", "check_parts", "require_loadable"]
