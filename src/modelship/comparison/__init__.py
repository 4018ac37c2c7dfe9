"""Requests, the answers that places give to them, and what is different between those."""

from modelship.comparison.answers import Answer
from modelship.comparison.differences import Difference
from modelship.comparison.scoring_request import ScoringRequest

__all__ = ["Answer", "Difference", "ScoringRequest"]
