"""Define all errors that modelship raises on purpose.

::

    ModelshipError                      exit code 1
    ├── InputError                      2   invalid input
    │   ├── InvalidNameError
    │   ├── InvalidOptionError
    │   ├── UnknownPluginError
    │   ├── MissingExtraError
    │   └── ConfigError
    ├── ModelError                      3   the model, or fetching it
    │   ├── ModelNotFoundError
    │   ├── FetchError
    │   ├── DigestMismatchError
    │   ├── CorruptModelError
    │   ├── ModelLoadError
    │   ├── NoEstimatorError
    │   └── UntrustedModelError
    ├── EvaluationError                 4   the test set, or its evaluation
    │   ├── InvalidTestSetError
    │   ├── PredictionError
    │   ├── UnknownMetricError
    │   ├── PictureError
    │   └── GateError
    ├── BundleError                     5   the bundle
    │   ├── EntryScriptError
    │   ├── SampleInputError
    │   ├── BundleFormatError
    │   └── CheckFailedError
    ├── EnvironmentSpecError            6   the environment
    │   ├── UntranslatablePackageError
    │   ├── ResolutionError
    │   ├── PythonNotFoundError
    │   └── EnvironmentBuildError
    ├── TargetError                     7   the target
    │   ├── TargetUnavailableError
    │   ├── UnsupportedError
    │   ├── BaseImageError
    │   ├── ImageBuildError
    │   ├── NameTakenError
    │   ├── PortTakenError
    │   ├── DeploymentNotFoundError
    │   ├── NoEarlierReleaseError
    │   ├── DeploymentFailedError
    │   ├── DeploymentTimeoutError
    │   └── RolloutFailedError
    ├── ScoringError                    8   a request
    │   ├── InvalidPayloadError
    │   ├── ScoringRequestError
    │   ├── ServiceUnreachableError
    │   ├── ScoringTimeoutError
    │   ├── ParityError
    │   ├── ReplayError
    │   └── ClientGenerationError
    ├── WorkspaceError                  9   the Azure ML workspace
    │   ├── WorkspaceNotFoundError
    │   ├── WorkspaceCredentialsError
    │   ├── WorkspaceUnreachableError
    │   └── WorkspaceRequestError
    └── StorageError                    10  the disk, or the stored state

A raise site passes data; the class composes the sentence. Each error says what was found and what
was expected (:attr:`ModelshipError.message`), the last output if there is one
(:attr:`ModelshipError.evidence`), and one thing to do next (:attr:`ModelshipError.hint`).
``exit_code`` is the exit code of the command line.
"""

from modelship.errors.base_error import ModelshipError, nearest
from modelship.errors.bundle_errors import (
    BundleError,
    BundleFormatError,
    CheckFailedError,
    EntryScriptError,
    SampleInputError,
)
from modelship.errors.environment_errors import (
    EnvironmentBuildError,
    EnvironmentSpecError,
    PythonNotFoundError,
    ResolutionError,
    UntranslatablePackageError,
)
from modelship.errors.evaluation_errors import (
    EvaluationError,
    GateError,
    InvalidTestSetError,
    PictureError,
    PredictionError,
    UnknownMetricError,
)
from modelship.errors.input_errors import (
    ConfigError,
    InputError,
    InvalidNameError,
    InvalidOptionError,
    MissingExtraError,
    UnknownPluginError,
)
from modelship.errors.model_errors import (
    CorruptModelError,
    DigestMismatchError,
    FetchError,
    ModelError,
    ModelLoadError,
    ModelNotFoundError,
    NoEstimatorError,
    UntrustedModelError,
)
from modelship.errors.scoring_errors import (
    ClientGenerationError,
    InvalidPayloadError,
    ParityError,
    ReplayError,
    ScoringError,
    ScoringRequestError,
    ScoringTimeoutError,
    ServiceUnreachableError,
)
from modelship.errors.storing_errors import StorageError
from modelship.errors.target_errors import (
    BaseImageError,
    DeploymentFailedError,
    DeploymentNotFoundError,
    DeploymentTimeoutError,
    ImageBuildError,
    NameTakenError,
    NoEarlierReleaseError,
    PortTakenError,
    RolloutFailedError,
    TargetError,
    TargetUnavailableError,
    UnsupportedError,
)
from modelship.errors.workspace_errors import (
    WorkspaceCredentialsError,
    WorkspaceError,
    WorkspaceNotFoundError,
    WorkspaceRequestError,
    WorkspaceUnreachableError,
)

__all__ = [
    "BaseImageError",
    "BundleError",
    "BundleFormatError",
    "CheckFailedError",
    "ClientGenerationError",
    "ConfigError",
    "CorruptModelError",
    "DeploymentFailedError",
    "DeploymentNotFoundError",
    "DeploymentTimeoutError",
    "DigestMismatchError",
    "EntryScriptError",
    "EnvironmentBuildError",
    "EnvironmentSpecError",
    "EvaluationError",
    "FetchError",
    "GateError",
    "ImageBuildError",
    "InputError",
    "InvalidNameError",
    "InvalidOptionError",
    "InvalidPayloadError",
    "InvalidTestSetError",
    "MissingExtraError",
    "ModelError",
    "ModelLoadError",
    "ModelNotFoundError",
    "ModelshipError",
    "NameTakenError",
    "NoEarlierReleaseError",
    "NoEstimatorError",
    "ParityError",
    "PictureError",
    "PortTakenError",
    "PredictionError",
    "PythonNotFoundError",
    "ReplayError",
    "ResolutionError",
    "RolloutFailedError",
    "SampleInputError",
    "ScoringError",
    "ScoringRequestError",
    "ScoringTimeoutError",
    "ServiceUnreachableError",
    "StorageError",
    "TargetError",
    "TargetUnavailableError",
    "UnknownMetricError",
    "UnknownPluginError",
    "UnsupportedError",
    "UntranslatablePackageError",
    "UntrustedModelError",
    "WorkspaceCredentialsError",
    "WorkspaceError",
    "WorkspaceNotFoundError",
    "WorkspaceRequestError",
    "WorkspaceUnreachableError",
    "nearest",
]

for _error in tuple(globals().values()):
    if isinstance(_error, type) and issubclass(_error, ModelshipError):
        _error.__module__ = __name__  # the public name, also in tracebacks
