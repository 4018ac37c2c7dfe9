"""Create bundles for tests from the text of a script, with a given lock or with none."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from modelship.bundle import Lock, ScoringBundle
from modelship.sources import Model

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.bundle import Environment

__all__ = ["offline_bundle", "script_bundle", "with_lock"]


def with_lock(bundle: ScoringBundle, *, lock: Lock) -> ScoringBundle:
    """Return a copy of `bundle` that uses `lock` instead of resolving its own.

    A test suite that uses one lock for many bundles resolves once and builds one environment.
    """
    return bundle.with_lock(lock)


def offline_bundle(bundle: ScoringBundle) -> ScoringBundle:
    """Return `bundle` with its requirements, as written, as its lock; nothing is resolved.

    This needs no network, takes no time, and runs on the target ``memory``. The digest differs from
    that of `bundle`, and no other target can build it.

    Examples
    --------
    ::

        bundle = offline_bundle(ScoringBundle(model, entry_script="score.py"))
        with DeployTarget.open("memory").deploy(bundle, name="my-service") as deployment:
            assert deployment.run({"data": rows}) == expected
    """
    environment = bundle.environment
    text = "".join(f"{requirement}\n" for requirement in environment.requirements)
    return with_lock(bundle, lock=Lock(python=environment.python, text=text))


def script_bundle(
    script: str,
    *,
    folder: Path,
    environment: Environment,
    model: object = None,
    entry_script: str = "score.py",
    **options: Any,
) -> ScoringBundle:
    """Return a bundle of the scoring script `script` and a pickle of `model`.

    Parameters
    ----------
    script : str
        The text of the entry script.
    folder : Path
        Where to write the script and the model. The other files in its ``source`` folder are added
        to the bundle. The model has to stay there while the bundle is in use.
    environment : Environment
        The requirements of the script.
    model : object
        Any picklable object; the service finds it as ``model.pkl``.
    entry_script : str
        The path of the script in the ``source`` folder.
    **options
        Further parameters of :class:`~modelship.ScoringBundle`, such as ``sample_input``.
    """
    source = folder / "source"
    (source / entry_script).parent.mkdir(parents=True, exist_ok=True)
    (source / entry_script).write_text(script)
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    return ScoringBundle(
        Model.read(folder / "model.pkl", name="contract-model", version="2"),
        entry_script=entry_script,
        source_directory=source,
        environment=environment,
        **options,
    )
