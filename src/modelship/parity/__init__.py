"""Compare the responses of several targets, and of the script in process."""

from modelship.comparison.answers import PlaceAnswer
from modelship.comparison.differences import Difference
from modelship.comparison.scoring_request import ScoringRequest
from modelship.parity.compared_services import Address
from modelship.parity.generation import generate_requests
from modelship.parity.parity import ParityReport, compare
from modelship.parity.replay import Replayed, ReplayReport, replay
from modelship.parity.requests_file import CapturedRequest, read_captured, read_requests

__all__ = [
    "Address",
    "CapturedRequest",
    "Difference",
    "ParityReport",
    "PlaceAnswer",
    "ReplayReport",
    "Replayed",
    "ScoringRequest",
    "compare",
    "generate_requests",
    "read_captured",
    "read_requests",
    "replay",
]
