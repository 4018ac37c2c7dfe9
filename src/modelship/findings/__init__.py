"""Define the findings of a check and the diagnoses of a failure, which share their codes."""

from modelship.findings.finding import Diagnosis, Finding, Findings, Severity
from modelship.findings.rules import RULES, Rule

__all__ = ["RULES", "Diagnosis", "Finding", "Findings", "Rule", "Severity"]
