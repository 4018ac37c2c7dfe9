"""Compare the responses of several targets to the same requests."""

from modelship.comparison.answers import PlaceAnswer
from modelship.comparison.differences import Difference
from modelship.comparison.scoring_request import ScoringRequest

__all__ = ["Difference", "PlaceAnswer", "ScoringRequest"]
