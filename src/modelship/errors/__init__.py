"""Define all errors that modelship raises on purpose.

::

    ModelshipError                      exit code 1
    ├── InputError                      2   invalid input
    │   ├── InvalidNameError
    │   ├── InvalidOptionError
    │   ├── UnknownPluginError
    │   ├── MissingExtraError
    │   ├── ConfigError
    │   └── DeploymentFileError
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
    │   ├── ImagePushError
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
    │   ├── RegistryNotFoundError
    │   ├── WorkspaceCredentialsError
    │   ├── WorkspaceUnreachableError
    │   └── WorkspaceRequestError
    ├── StorageError                    10  the disk, or the stored state
    └── BatchError                      11  a batch job
        ├── BatchEngineError
        ├── BatchInputError
        ├── BatchOutputError
        ├── BatchResumeError
        └── BatchStoppedError
            └── BatchInterruptedError   130 Ctrl-C

A raise site passes data; the class composes the sentence. Each error says what was found and what
was expected (:attr:`ModelshipError.message`), the last output if there is one
(:attr:`ModelshipError.evidence`), and one thing to do next (:attr:`ModelshipError.hint`).
``exit_code`` is the exit code of the command line.
"""

from typing import TYPE_CHECKING

from modelship.errors.base_error import *
from modelship.errors.batch_errors import *
from modelship.errors.bundle_errors import *
from modelship.errors.environment_errors import *
from modelship.errors.evaluation_errors import *
from modelship.errors.input_errors import *
from modelship.errors.model_errors import *
from modelship.errors.scoring_errors import *
from modelship.errors.target_errors import *
from modelship.errors.workspace_errors import *

_errors = {
    name: each
    for name, each in tuple(globals().items())
    if isinstance(each, type) and issubclass(each, ModelshipError)
}
for _error in _errors.values():
    _error.__module__ = __name__  # the public name, also in tracebacks

if not TYPE_CHECKING:  # type checkers export what is imported with a star
    __all__ = list(_errors)
