"""Define BatchEndpointOptions: the options of the files of a batch endpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from modelship.errors import InvalidOptionError
from modelship.targets.online_endpoint.setting_checks import check_choice, check_text, check_whole
from modelship.targets.online_endpoint.target_options import DEFAULT_IMAGE

__all__ = ["BatchEndpointOptions"]

_BAD_IN_NAMES: Final = re.compile(r'[~"#%&*:<>?/\\{|}]')


@dataclass(frozen=True, kw_only=True)
class BatchEndpointOptions:
    """How a batch deployment scores; the names are those of ``az ml``.

    Parameters
    ----------
    compute : str
        The name of a cluster of the workspace.
    instance_count : int
        How many of its nodes a job has.
    max_concurrency_per_instance : int
        How many processes score on a node.
    mini_batch_size : int, optional
        How many files ``run()`` gets at once; by default 10, or 1 if the rows of the files are
        scored, so that a file that fails is the only one.
    output_action : {"append_row", "summary_only"}
        Whether the rows that are returned are written to a file.
    output_file_name : str, optional
        Its name; by default predictions.csv, or predictions.jsonl if the rows are scored.
    error_threshold : int
        How many files may fail in a job; -1 for any number.
    max_retries : int
        How often a mini-batch is tried again.
    timeout : int
        How long a mini-batch may take, in seconds.
    logging_level : {"warning", "info", "debug"}
        What the log of a job has.
    rows_per_call : int
        How many rows ``run()`` gets at once, if the rows of the files are scored.
    base_image : str
        The image that the packages are installed on.
    azure_packages : bool
        Whether to add azureml-core and azureml-dataset-runtime[fuse] to the packages, which Azure's
        own examples of batch endpoints have. Their requirements may conflict with the bundle's.

    Raises
    ------
    InvalidOptionError
        If an option has an invalid value.
    """

    compute: str = "batch-cluster"
    instance_count: int = 1
    max_concurrency_per_instance: int = 1
    mini_batch_size: int | None = None
    output_action: str = "append_row"
    output_file_name: str | None = None
    error_threshold: int = -1
    max_retries: int = 3
    timeout: int = 300
    logging_level: str = "info"
    rows_per_call: int = 1000
    base_image: str = DEFAULT_IMAGE
    azure_packages: bool = True

    def __post_init__(self) -> None:
        for option, least in (
            *(("instance_count", 1), ("max_concurrency_per_instance", 1), ("mini_batch_size", 1)),
            *(("error_threshold", -1), ("max_retries", 0), ("timeout", 1), ("rows_per_call", 1)),
        ):
            check_whole(option, getattr(self, option), least=least)
        for option in ("compute", "base_image", "output_file_name"):
            check_text(option, getattr(self, option))
        check_choice("output_action", self.output_action, ("append_row", "summary_only"))
        check_choice("logging_level", self.logging_level, ("warning", "info", "debug"))
        if _BAD_IN_NAMES.search(self.output_file_name or ""):
            raise InvalidOptionError("output_file_name", self.output_file_name, "a file's name")

    def settings(self, *, scores_rows: bool) -> dict[str, Any]:
        """Return the key ``settings`` of a deployment file."""
        usual_name = "predictions.jsonl" if scores_rows else "predictions.csv"
        return {
            "max_concurrency_per_instance": self.max_concurrency_per_instance,
            "mini_batch_size": self.mini_batch_size or (1 if scores_rows else 10),
            "output_action": self.output_action,
            "output_file_name": self.output_file_name or usual_name,
            "retry_settings": {"max_retries": self.max_retries, "timeout": self.timeout},
            "error_threshold": self.error_threshold,
            "logging_level": self.logging_level,
        }
