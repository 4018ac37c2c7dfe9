"""Turn a trained model into a running scoring service, and know it is the one that was tested.

::

    ModelSource --fetch--> Model --+--> Evaluator --> Report --require--> (gate)
                                   +--> ScoringBundle --check--> DeployTarget.deploy --> Deployment

The names below are resolved on first use, so that ``import modelship`` imports no third-party
module.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelship.batch.batch_job import BatchJob
    from modelship.batch.batch_summary import BatchSummary
    from modelship.batch.job_options import BatchOptions
    from modelship.bundle import Environment, Resources, ScoringBundle
    from modelship.client.client import Client
    from modelship.errors import ModelshipError
    from modelship.evaluation import Evaluator, Gate, Report
    from modelship.findings import Diagnosis, Finding
    from modelship.routing import Bounds, Canary, Shadow
    from modelship.sources import Model, ModelSource
    from modelship.sources.registered import register_model
    from modelship.tables import Schema
    from modelship.targets import Deployment, DeployTarget, Serving, State
    from modelship.workspace import RegisteredModel, Workspace

__all__ = [
    "BatchJob",
    "BatchOptions",
    "BatchSummary",
    "Bounds",
    "Canary",
    "Client",
    "DeployTarget",
    "Deployment",
    "Diagnosis",
    "Environment",
    "Evaluator",
    "Finding",
    "Gate",
    "Model",
    "ModelSource",
    "ModelshipError",
    "RegisteredModel",
    "Report",
    "Resources",
    "Schema",
    "ScoringBundle",
    "Serving",
    "Shadow",
    "State",
    "Workspace",
    "__version__",
    "register_model",
]

_NAMES = {
    "sources": ("Model", "ModelSource"),
    "sources.registered": ("register_model",),
    "workspace": ("RegisteredModel", "Workspace"),
    "evaluation": ("Evaluator", "Gate", "Report"),
    "routing": ("Bounds", "Canary", "Shadow"),
    "client.client": ("Client",),
    "batch.batch_job": ("BatchJob",),
    "batch.job_options": ("BatchOptions",),
    "batch.batch_summary": ("BatchSummary",),
    "findings": ("Diagnosis", "Finding"),
    "bundle": ("Environment", "Resources", "ScoringBundle"),
    "tables": ("Schema",),
    "targets": ("DeployTarget", "Deployment", "Serving", "State"),
    "errors": ("ModelshipError",),
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("modelship-ml")
    for module, names in _NAMES.items():
        if name in names:
            return getattr(importlib.import_module(f"modelship.{module}"), name)
    raise AttributeError(f"module 'modelship' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
