"""What a check finds before a deployment, and what a diagnosis finds after one: the same codes."""

from modelship.findings.finding import Diagnosis, Finding, Findings, Severity
from modelship.findings.rules import RULES, Rule

__all__ = ["RULES", "Diagnosis", "Finding", "Findings", "Rule", "Severity"]
