"""List all rules by code: name, severity and remedy.

Codes are stable: an assigned code never changes its meaning. The hundreds show what is at fault: 1
the script, 2 the environment, 3 the model, 4 the limits of the target, 5 the script at run time, 6
the place that runs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelship.findings.finding import Diagnosis, Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RULES", "Rule"]


@dataclass(frozen=True)
class Rule:
    """The definition of one kind of finding.

    Parameters
    ----------
    code : str
        ``"MS"`` and three digits.
    name : str
        A short name, in kebab case.
    severity : Severity
        The default severity of its findings.
    advice : str
        The default advice of its findings.
    """

    code: str
    name: str
    severity: Severity
    advice: str

    def finding(
        self,
        problem: str,
        *,
        path: str = "",
        line: int | None = None,
        advice: str = "",
        evidence: str = "",
        severity: Severity | None = None,
    ) -> Finding:
        """Return a finding of this rule."""
        return Finding(
            code=self.code,
            severity=severity or self.severity,
            problem=problem,
            advice=advice or self.advice,
            path=path,
            line=line,
            evidence=evidence,
        )

    def diagnosis(
        self, problem: str, *, evidence: tuple[str, ...] = (), where: str = "", advice: str = ""
    ) -> Diagnosis:
        """Return a diagnosis that names this rule."""
        return Diagnosis(
            code=self.code,
            problem=problem,
            advice=advice or self.advice,
            evidence=evidence,
            where=where,
        )


_E, _W = Severity.ERROR, Severity.WARNING

_ALL: Final = (
    # the script
    Rule("MS101", "syntax-error", _E, "Correct the line."),
    Rule("MS102", "missing-function", _E, "Define init() and run(raw_data) in the script."),
    Rule("MS103", "bad-signature", _E, "Write def init(): and def run(raw_data):"),
    Rule("MS104", "missing-import", _E, "List the package that provides it in the environment."),
    Rule("MS105", "removed-import", _E, "Import it from its current location: import joblib."),
    Rule(
        "MS106",
        "wrong-model-path",
        _E,
        "Build the path from os.environ['AZUREML_MODEL_DIR'] and the file's name.",
    ),
    Rule("MS107", "unserializable-answer", _E, "Return plain values: call .tolist() on an array."),
    Rule("MS108", "answer-encoded-twice", _W, "Return the value itself; the server encodes it."),
    Rule("MS109", "file-outside-bundle", _E, "Put the file next to the script, or into the model."),
    Rule(
        "MS110",
        "secret-in-source",
        _E,
        "Renew it, and read it from os.environ; Serving(secrets=...) or --secret sets it there.",
    ),
    Rule("MS111", "payload-printed", _W, "Remove the print; it writes user data to the log."),
    Rule("MS112", "unreadable-script", _E, "Pass a UTF-8 file of Python source, such as score.py."),
    Rule("MS113", "asynchronous-run", _E, "Write def run(raw_data): without async."),
    Rule("MS114", "conflicting-decorators", _E, "Keep @rawhttp or @input_schema, not both."),
    Rule("MS115", "missing-global", _E, "Declare the name with global in init()."),
    Rule("MS116", "hidden-module", _W, "Rename the file next to the script."),
    Rule("MS117", "schema-mismatch", _E, "Name a parameter of run() in each @input_schema."),
    Rule(
        "MS118",
        "secret-in-variable",
        _W,
        "Pass it with secrets= (--secret) instead of variables=, whose values are visible.",
    ),
    Rule(
        "MS119",
        "batch-script",
        _W,
        "Score with modelship batch; for a service, rename it run_batch, and add run(raw_data).",
    ),
    # the environment
    Rule("MS201", "version-skew", _W, "Pin the version that wrote the model."),
    Rule("MS202", "server-missing", _E, "List azureml-inference-server-http in the environment."),
    Rule("MS203", "unpinned", _W, "Pin it with ==, so that the next build gets the same."),
    Rule("MS204", "unresolvable", _E, "Relax or remove one of the requirements."),
    Rule("MS205", "no-wheel", _E, "Pin a version that has a wheel for this platform."),
    Rule("MS206", "python-cannot-load", _E, "Use the Python that wrote the model."),
    Rule("MS207", "python-missing", _E, "Install that Python, or use an installed version."),
    Rule("MS208", "library-missing", _E, "List the library in the environment."),
    Rule("MS209", "unreadable-environment", _E, "Pass a conda YAML or requirements file."),
    # the model
    Rule(
        "MS301",
        "dangerous-global",
        _E,
        "Do not load this file; get the model again from a source that you trust.",
    ),
    Rule("MS302", "unknown-global", _W, "Make sure that you trust the author of the model."),
    Rule(
        "MS303",
        "class-from-main",
        _E,
        "Move the class to a module next to the script, and save again.",
    ),
    Rule("MS304", "module-missing", _E, "Put the module next to the script: source_directory=."),
    Rule("MS305", "corrupt-model", _E, "Copy or save the model again."),
    Rule("MS306", "missing-model", _E, "Check the model's path."),
    Rule("MS307", "model-exceeds-memory", _W, "Request more memory with memory_gb."),
    Rule("MS308", "unread-model", _E, "Save it in a supported format: joblib.dump()."),
    Rule(
        "MS309",
        "undeclared-categories",
        _W,
        "Create the bundle with a sample that contains them: sample_input=X.head() (--sample-input "
        "X.parquet), where X is the table that the model was fitted on; or pass a schema.",
    ),
    # the limits of the target
    Rule("MS401", "bad-name", _E, "Use 3 to 32 lower-case letters, digits and dashes."),
    Rule("MS402", "bad-cpu", _E, "Request an amount that the target allows with cpu_cores."),
    Rule("MS403", "bad-memory", _E, "Request an amount that the target allows with memory_gb."),
    Rule("MS404", "no-authentication", _W, "Require a key: Serving(auth=True) or --auth."),
    Rule("MS405", "exceeds-timeout", _E, "Make run() faster, or send fewer rows per request."),
    Rule("MS406", "payload-too-large", _E, "Send fewer rows per request."),
    Rule("MS407", "script-name-refused", _E, "Name the script as a module, such as score.py."),
    # the script at run time
    Rule("MS501", "import-failed", _E, "Correct the line of the script."),
    Rule("MS502", "init-failed", _E, "Correct the line of the script."),
    Rule("MS503", "run-failed", _E, "Correct the script or the request."),
    Rule("MS504", "init-too-slow", _E, "Load less data in init(), or use a smaller model."),
    Rule(
        "MS505",
        "out-of-memory",
        _E,
        "Request more memory with memory_gb if the target limits it, or load less data.",
    ),
    Rule("MS506", "process-exited", _E, "Remove sys.exit() and os._exit() from the script."),
    Rule(
        "MS507", "crashed", _E, "Find the compiled package that crashes, and pin another version."
    ),
    Rule("MS508", "not-a-number", _W, "Replace NaN before returning it; JSON cannot represent it."),
    Rule(
        "MS509",
        "no-sample",
        _W,
        "Create the bundle with sample_input=, so that run() can be tested.",
    ),
    Rule("MS510", "refused-request", _E, "Send a request that matches the script's schema."),
    Rule("MS511", "body-not-json", _E, "Write the body with json.dumps."),
    # the place that runs it
    Rule("MS601", "port-not-bound", _E, "Make the server listen on the port of the service."),
    Rule(
        "MS602",
        "health-check-failing",
        _E,
        "Find out why it stopped answering: modelship logs NAME.",
    ),
    Rule("MS603", "build-failed", _E, "Find the failing package in the build log."),
    Rule("MS604", "crash-loop", _E, "Read what the script logged before it ended."),
    Rule("MS605", "wrong-architecture", _E, "Use a base image for the machine's architecture."),
    Rule("MS606", "read-only-files", _E, "Write to the folder tempfile.gettempdir()."),
    Rule(
        "MS607", "permission-denied", _E, "Give the user of the service (not root) read permission."
    ),
    Rule("MS608", "disk-full", _E, "Free space, and deploy again."),
    Rule("MS609", "image-not-found", _E, "Check the image's name and the registry's credentials."),
    Rule("MS610", "no-capacity", _E, "Request fewer resources, or deploy to another region."),
    Rule(
        "MS611",
        "too-many-requests",
        _E,
        "Send fewer requests at once, or raise instance_count, or the workers together with "
        "max_concurrent_requests_per_instance.",
    ),
    Rule(
        "MS612",
        "no-traffic",
        _E,
        "Send traffic to a deployment of the endpoint, or ask one that it has.",
    ),
    Rule("MS613", "access-denied", _E, "Give the identity the missing role, and deploy again."),
    Rule("MS614", "operation-conflict", _E, "Wait until the other operation has ended."),
    Rule("MS615", "name-in-use", _E, "Choose another name: it is unique in the region."),
    Rule("MS616", "network-closed", _E, "Use a network that may reach it, or allow this one."),
    Rule("MS617", "platform-error", _E, "Try again later; if it fails again, ask Azure's support."),
    Rule("MS618", "client-broken", _E, "Install versions of the client that fit together."),
    Rule("MS699", "unknown-cause", _E, "Read the full log: modelship logs NAME."),
)

RULES: Final[Mapping[str, Rule]] = MappingProxyType({rule.code: rule for rule in _ALL})
"""Each rule by its code."""
