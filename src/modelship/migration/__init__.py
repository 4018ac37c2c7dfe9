"""Move a service to another target: a plan first, which can be reviewed, and then the move."""

from modelship.migration.aci_service import AciService
from modelship.migration.endpoint_plan import EndpointPlan, PlanRow
from modelship.migration.moving import Moved, move
from modelship.migration.plan_folder import PlanFolder

__all__ = ["AciService", "EndpointPlan", "Moved", "PlanFolder", "PlanRow", "move"]
