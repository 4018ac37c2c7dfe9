"""Define BatchJob: score much data with a bundle, and account for every row."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from modelship.batch.batch_extra import require_batch_extra
from modelship.batch.batch_plan import BatchOptions, digests_of
from modelship.batch.engines.known_engines import opened_engine
from modelship.batch.mini_batch_options import require_mini_batches
from modelship.batch.option_limits import require_limits
from modelship.batch.output_files import output_place
from modelship.bundle import ScoringBundle
from modelship.runtime.variables import as_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelship.batch.batch_checks import Check
    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.batch_status import BatchStatus
    from modelship.batch.batch_summary import BatchSummary
    from modelship.batch.engines import Engine
    from modelship.runtime.variables import Secret

__all__ = ["BatchJob"]


class BatchJob:
    """Scores the rows of files with a bundle.

    The same job again resumes where the last one ended.

    Parameters
    ----------
    bundle : ScoringBundle or str or Path
        What scores them, or its folder.
    inputs : str or Path or Sequence[str or Path]
        Files, and folders with files.
    output : str or Path
        The folder for the output, or its URL in an object store; created if it does not exist.
    options : BatchOptions, optional
        What the output is.
    workers : int, optional
        How many pieces are scored at the same time; by default as many as there are cores.
    engine : Engine or str
        What runs the pieces, or its name: ``"local"``, processes on this machine; or ``"dask"``,
        ``"ray"`` or ``"spark"``.
    scheduler : str
        The address of the engine's scheduler; ``""`` for a cluster on this machine.
    timeout_s : float
        How long one call of run() may take, in seconds.
    start_timeout_s : float
        How long the environment, and then init(), may take, in seconds.
    error_threshold : int, optional
        How many rows may fail in the whole job; -1 for any number. By default any number may,
        unless the first rows all fail, which ends the job.
    mini_batch_error_threshold : int
        How many mini-batches may fail in the whole job, if there is an `output_action`; -1 for any
        number.
    allowed_failed_percent : float
        How many percent of all mini-batches may fail, 0 to 100, if there is an `output_action`.
    retries : int
        How many times a row that failed alone is tried again before it counts as failed. The rows
        of a call that fails are halved first, until each row that fails is alone. With an
        `output_action`, how many times a mini-batch is tried again.
    memory_gb : float
        How much memory of its own a scoring process may have, in GB; 0 for any. One that exceeds it
        in a call is killed, and the call has failed; one that exceeds it after a call is replaced.
    check : {"static", "trial", "off"}
        Whether the bundle is read first to find problems, or its script is tried on the sample
        request too. Loading a model that is not known to be safe is refused in any case.
    trust_model : bool
        Load the model whatever code that runs; see :meth:`ScoringBundle.check`.
    variables, secrets : Mapping[str, str], optional
        The environment variables of the script, as in :class:`~modelship.Serving`. A secret is in
        no log, message or file of the output.
    verify : bool
        Whether to read the output of an earlier run again and compare its digests; by default,
        only the sizes of its files are compared.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    UnknownPluginError
        If there is no engine of this name.
    InvalidOptionError
        If the engine does not take `workers` or `scheduler`, the output is neither a folder of this
        machine nor in an object store, or a number is out of range.
    """

    def __init__(
        self,
        bundle: ScoringBundle | str | Path,
        inputs: str | Path | Sequence[str | Path],
        output: str | Path,
        *,
        options: BatchOptions | None = None,
        workers: int | None = None,
        engine: Engine | str = "local",
        scheduler: str = "",
        timeout_s: float = 60.0,
        start_timeout_s: float = 600.0,
        error_threshold: int | None = None,
        mini_batch_error_threshold: int = -1,
        allowed_failed_percent: float = 100.0,
        retries: int = 1,
        memory_gb: float = 0.0,
        check: Check = "static",
        trust_model: bool = False,
        variables: Mapping[str, str] | None = None,
        secrets: Mapping[str, str | Secret] | None = None,
        verify: bool = False,
    ) -> None:
        self.bundle = bundle if isinstance(bundle, ScoringBundle) else ScoringBundle.load(bundle)
        self.inputs = [inputs] if isinstance(inputs, (str, Path)) else list(inputs)
        self.output = output_place(output)
        self.options = options or BatchOptions()
        self.timeout_s = timeout_s
        self.start_timeout_s = start_timeout_s
        self.error_threshold = error_threshold
        self.mini_batch_error_threshold = mini_batch_error_threshold
        self.allowed_failed_percent = allowed_failed_percent
        self.retries = retries
        self.memory_gb = memory_gb
        self.check = check
        self.trust_model = trust_model
        self.variables = as_variables(variables or {})
        self.secrets = dict(secrets or {})
        self.verify = verify
        self.stopped = threading.Event()
        require_limits(
            self.options,
            workers=workers,
            timeout_s=timeout_s,
            start_timeout_s=start_timeout_s,
            error_threshold=error_threshold,
            mini_batch_error_threshold=mini_batch_error_threshold,
            retries=retries,
            memory_gb=memory_gb,
        )
        require_mini_batches(
            self.bundle,
            self.options,
            mini_batch_error_threshold=mini_batch_error_threshold,
            allowed_failed_percent=allowed_failed_percent,
        )
        require_batch_extra()
        self.engine: Engine = (
            opened_engine(engine, workers=workers, scheduler=scheduler)
            if isinstance(engine, str)
            else engine
        )

    def plan(self) -> BatchPlan:
        """Return what the job does, from the files that are there now.

        Raises
        ------
        BatchInputError
            If there is no file, or one cannot be read.
        """
        from modelship.batch.planning import plan_job
        from modelship.batch.slow_pieces import workers_of

        workers = workers_of(self.engine)
        made = plan_job(self.bundle, self.inputs, self.output, self.options, workers=workers)
        return replace(made, variables=digests_of(self.variables))

    def run(
        self,
        *,
        show_output: bool = True,
        on_progress: Callable[[BatchStatus], None] | None = None,
    ) -> BatchSummary:
        """Score what is not scored yet.

        Ctrl-C ends it within seconds. Pieces that are not complete then are abandoned: they are
        scored again when the job is resumed.

        Parameters
        ----------
        show_output : bool
            Show the progress on stderr: a bar on a terminal, lines at growing intervals elsewhere.
        on_progress : Callable, optional
            A function that is called with the status after each piece.

        Raises
        ------
        CheckFailedError
            If the check finds errors, or loading the model could run code that is not known to be
            safe.
        BatchInputError
            If the input cannot be read.
        BatchOutputError
            If the folder has files of something else, or another job writes to it.
        BatchResumeError
            If the folder has the output of another job, or a part of its own is missing.
        BatchInterruptedError
            If it was interrupted, or stop() was called.
        BatchStoppedError
            If the script does not start, more rows fail than `error_threshold`, or all do.
        StorageError
            If the output cannot be written.
        """
        from modelship.batch.job_run import run_job

        return run_job(self, show_output=show_output, on_progress=on_progress)

    @property
    def most_failed(self) -> int:
        """How many rows may fail; -1 for any number."""
        return -1 if self.error_threshold is None else self.error_threshold

    @property
    def may_postpone(self) -> bool:
        """Whether the job ends if its first rows all fail."""
        return self.error_threshold is None and not self.options.output_action

    def stop(self) -> None:
        """Let a run in another thread end as by Ctrl-C; it raises BatchInterruptedError."""
        self.stopped.set()

    def status(self) -> BatchStatus:
        """Return how far the job is, from its output folder; also while another process runs it.

        Raises
        ------
        BatchOutputError
            If it was never run.
        """
        from modelship.batch.batch_status import BatchStatus

        return BatchStatus.of(self.output)
