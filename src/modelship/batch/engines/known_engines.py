"""List the engines by name, and open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.registry import Registry, check_options

if TYPE_CHECKING:
    from modelship.batch.engines import Engine

__all__ = ["ENGINES", "opened_engine"]

ENGINES: Final = Registry(
    kind="engine",
    group="modelship.batch_engines",
    builtins={
        "local": "modelship.batch.engines.local_pool:LocalPool",
        "dask": "modelship.batch.engines.dask_engine:DaskEngine",
        "ray": "modelship.batch.engines.ray_engine:RayEngine",
        "spark": "modelship.batch.engines.spark_engine:SparkEngine",
    },
)


def opened_engine(name: str, *, workers: int | None = None, scheduler: str = "") -> Engine:
    """Return the engine `name`; `workers` and `scheduler` are among its options if they are given.

    Raises
    ------
    UnknownPluginError
        If there is no such engine.
    InvalidOptionError
        If it does not take one of the options.
    """
    engine_class = ENGINES.load(name)
    given = {"workers": workers, "scheduler": scheduler}
    options = {key: value for key, value in given.items() if value}
    check_options(f"the engine {name!r}", engine_class, options)
    engine: Engine = engine_class(**options)
    return engine
