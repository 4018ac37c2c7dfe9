"""Create bundles for tests, with a given lock or none, from the text of a script."""

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
    """Return `bundle` with `lock` in place of the one that it would resolve.

    With one lock for many bundles, a test suite resolves once and builds one environment.
    """
    return bundle.with_lock(lock)


def offline_bundle(bundle: ScoringBundle) -> ScoringBundle:
    """Return `bundle` with its requirements as written for a lock, so that nothing is resolved.

    It needs no network and no time, and runs on the target ``memory``. Its digest is another one
    than that of `bundle`, and no other target can build it.

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
        Where to write the script and the model. What lies in its folder ``source`` goes along
        with the script. The model has to stay there while the bundle is in use.
    environment : Environment
        What the script needs.
    model : object
        Anything that pickle takes; the service finds it as ``model.pkl``.
    entry_script : str
        The path of the script in the folder ``source``.
    **options
        The other parameters of :class:`~modelship.ScoringBundle`, such as ``sample_input``.
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
