"""The servers that are compared: what each runs in, how it is started, and what it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["BASELINE", "BEST_PEER", "SERVERS", "Server"]

BASELINE = "azmlinfsrv"
BEST_PEER = "fastapi"


@dataclass(frozen=True)
class Server:
    """One row of the table.

    Parameters
    ----------
    name : str
        What `--only` takes.
    title : str
        What the table says.
    environment : str
        The environment that it runs in.
    command : tuple[str, ...]
        The arguments of Python; `{port}` and `{mlflow_model}` are filled in.
    path : str
        Where it scores.
    body : str
        What it is sent: `json`, `mlflow` (JSON with another key) or `npy`.
    settings : dict[str, str]
        Variables of its environment.
    workers : int
        How many processes score.
    measured : bool
        Whether requests are measured; if not, only its start and its memory are.
    """

    name: str
    title: str
    environment: str
    command: tuple[str, ...]
    path: str = "/score"
    body: str = "json"
    settings: dict[str, str] = field(default_factory=dict)
    workers: int = 1
    measured: bool = True

    @property
    def is_ours(self) -> bool:
        """Whether it is modelship's own."""
        return self.environment == "modelship"

    @property
    def is_typed(self) -> bool:
        """Whether its script declares its input."""
        return "score_typed.py" in self.command

    @property
    def content_type(self) -> str:
        """The media type of its bodies."""
        return "application/x-npy" if self.body == "npy" else "application/json"

    @property
    def suffix(self) -> str:
        """How the file of its bodies ends."""
        return {"json": ".json", "mlflow": "-mlflow.json", "npy": ".npy"}[self.body]


def _azure(name: str, title: str, script: str) -> Server:
    arguments = ("--entry_script", script, "--port", "{port}")
    return Server(
        name, title, "azmlinfsrv", ("-m", "azureml_inference_server_http.amlserver", *arguments)
    )


def _ours(name: str, title: str, script: str = "score.py", **options) -> Server:
    arguments = ("--entry_script", script, "--port", "{port}")
    return Server(name, title, "modelship", ("-m", "modelship_server", *arguments), **options)


def _bento(name: str, title: str, service: str) -> Server:
    return Server(
        name, title, "bentoml",
        ("-m", "bentoml", "serve", f"bentoml_app:{service}", "--port", "{port}"),
    )  # fmt: skip


def _mosec(name: str, title: str, settings: dict[str, str]) -> Server:
    # Without its log of each request, as for the others.
    arguments = ("mosec_app.py", "--port", "{port}", "--log-level", "warning")
    return Server(name, title, "mosec", arguments, path="/inference", settings=settings)


# Without its access log, which costs it more than our counters cost us.
_UVICORN = ("-m", "uvicorn", "fastapi_app:app", "--port", "{port}", "--no-access-log")
_GRANIAN = (
    *("-m", "granian", "--interface", "asginl", "--loop", "uvloop", "--port", "{port}"),
    *("--no-ws", "--log-level", "warning", "granian_app:app"),
)
# MLflow's own words for "answer requests in one process".
_MLFLOW = ("-m", "mlflow", "models", "serve", "--env-manager", "local", "--workers", "1")

SERVERS = (
    _azure("azmlinfsrv", "azmlinfsrv", "score.py"),
    _azure("azmlinfsrv-typed", "azmlinfsrv, typed script", "score_typed.py"),
    Server("fastapi", "FastAPI + uvicorn", "fastapi", _UVICORN),
    Server(
        "fastapi-pool", "FastAPI, in its thread pool", "fastapi", _UVICORN, path="/score-in-pool"
    ),
    _bento("bentoml", "BentoML", "Digits"),
    _bento("bentoml-batching", "BentoML, adaptive batching", "BatchedDigits"),
    Server(
        "mlflow", "MLflow", "mlflow", (*_MLFLOW, "-m", "{mlflow_model}", "--port", "{port}"),
        path="/invocations", body="mlflow",
    ),
    Server("litserve", "LitServe", "litserve", ("litserve_app.py", "{port}"), path="/predict"),
    _mosec("mosec", "mosec, orjson", settings={}),
    _mosec("mosec-batching", "mosec, orjson, dynamic batching", settings={"BATCHING": "1"}),
    Server("granian", "granian, bare ASGI, orjson", "granian", _GRANIAN),
    _ours("modelship", "modelship, same score.py"),
    _ours(
        "modelship-json", "modelship, without orjson",
        settings={"MODELSHIP_FAST_JSON": "0"},
    ),
    _ours(
        "modelship-x87", "modelship, without orjson, x87 set once",
        settings={"MODELSHIP_FAST_JSON": "0", "MODELSHIP_X87_PRECISION": "1"},
    ),
    _ours("modelship-typed", "modelship, typed script", "score_typed.py"),
    _ours("modelship-npy", "modelship, typed script, npy bodies", "score_typed.py", body="npy"),
    _ours(
        "modelship-4-workers", "modelship, 4 workers",
        settings={"WORKER_COUNT": "4"}, workers=4, measured=False,
    ),
)  # fmt: skip
