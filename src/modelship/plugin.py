"""Everything that the author of a plug-in imports, for a target or a model source.

Names in this module are stable in name and meaning; every other module of modelship may change. The
tests that a plug-in has to pass are :class:`modelship.testing.TargetContract` and
:class:`modelship.testing.SourceContract`.
"""

from modelship.bundle import ScoringBundle
from modelship.bundle.profile import Profile
from modelship.diagnosis import Facts
from modelship.errors import (
    CorruptModelError,
    DeploymentFailedError,
    EnvironmentBuildError,
    FetchError,
    ImageBuildError,
    InvalidOptionError,
    MissingExtraError,
    ModelNotFoundError,
    ModelshipError,
    NameTakenError,
    PortTakenError,
    StorageError,
    TargetUnavailableError,
    UnsupportedError,
)
from modelship.progress import Deadline, DeadlineExceededError, Steps
from modelship.runtime.variables import Secret
from modelship.sources import ModelSource
from modelship.state_paths import state_folder
from modelship.targets.backend import (
    Observation,
    Prepared,
    SupportsDirect,
    SupportsLend,
    SupportsReplace,
    SupportsRoute,
    SupportsShares,
    TargetBackend,
)
from modelship.targets.history import Change, Journal
from modelship.targets.http_scoring import answers
from modelship.targets.instance import Instance
from modelship.targets.kept import KeptReleases
from modelship.targets.keys import ServiceKeys, SupportsKeys
from modelship.targets.program import Program
from modelship.targets.release import Release, ReleaseRecord, Serving
from modelship.targets.state import State

__all__ = [
    "Change",
    "CorruptModelError",
    "Deadline",
    "DeadlineExceededError",
    "DeploymentFailedError",
    "EnvironmentBuildError",
    "Facts",
    "FetchError",
    "ImageBuildError",
    "Instance",
    "InvalidOptionError",
    "Journal",
    "KeptReleases",
    "MissingExtraError",
    "ModelNotFoundError",
    "ModelSource",
    "ModelshipError",
    "NameTakenError",
    "Observation",
    "PortTakenError",
    "Prepared",
    "Profile",
    "Program",
    "Release",
    "ReleaseRecord",
    "ScoringBundle",
    "Secret",
    "ServiceKeys",
    "Serving",
    "State",
    "Steps",
    "StorageError",
    "SupportsDirect",
    "SupportsKeys",
    "SupportsLend",
    "SupportsReplace",
    "SupportsRoute",
    "SupportsShares",
    "TargetBackend",
    "TargetUnavailableError",
    "UnsupportedError",
    "answers",
    "state_folder",
]
