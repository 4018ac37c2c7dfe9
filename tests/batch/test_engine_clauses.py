"""Every engine keeps the clauses of engines."""

import contextlib
import json
import socket
import subprocess
import sys
import uuid

import psutil
import pytest
from engine_clauses import (
    QUICK_JAVA,
    EngineClauses,
    bundles,
    require_spark,
    scorers,
)

from waiting import wait_until

__all__ = ["bundles"]  # a fixture

pytestmark = pytest.mark.long


class TestLocal(EngineClauses):
    """Processes on this machine; a worker is a scoring process."""

    @pytest.fixture
    def engine(self):
        return "local", ""

    @pytest.fixture
    def victim(self):
        return lambda output: max(scorers(output))


@pytest.fixture(scope="module")
def dask_cluster(tmp_path_factory):
    """Start the cluster; yield its address and the guards of its workers."""
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    place = tmp_path_factory.mktemp("cluster")
    file = place / "scheduler.json"
    usual = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
    with contextlib.ExitStack() as stack:

        def begun(*command):
            command = [sys.executable, "-m", "dask", *command, *usual]
            process = stack.enter_context(subprocess.Popen(command, cwd=place))
            stack.callback(process.terminate)
            return process

        begun("scheduler", "--port", "0")
        wait_until(file.exists)
        yield (
            json.loads(file.read_text())["address"],
            [begun("worker", "--nthreads", "1") for _ in range(2)],
        )


class TestDask(EngineClauses):
    """A scheduler and two workers, of one thread each."""

    @pytest.fixture
    def engine(self, dask_cluster):
        return "dask", dask_cluster[0]

    @pytest.fixture
    def victim(self, dask_cluster):
        def found(_output):
            children = psutil.Process(dask_cluster[1][0].pid).children()
            return next(each.pid for each in children if "spawn_main" in str(each.cmdline()))

        return found


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory):
    """Start the head of a cluster with two CPUs; yield its address."""
    with pytest.MonkeyPatch.context() as patch:  # Ray reads the token when it is imported
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", uuid.uuid4().hex)
        pytest.importorskip("ray", reason="the extra ray is not installed")
        # Next to opentelemetry-proto, which other tests need, Ray does not start without it.
        pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
        command += ["--port", str(port), "--num-cpus", "2", "--include-dashboard", "false"]
        command += ["--temp-dir", str(tmp_path_factory.mktemp("ray"))]
        with subprocess.Popen(command) as head:
            try:
                wait_until(lambda: _is_open(port))
                yield f"127.0.0.1:{port}"
            finally:
                head.terminate()


def _is_open(port):
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


class TestRay(EngineClauses):
    """A head of two CPUs."""

    @pytest.fixture
    def engine(self, ray_cluster):
        return "ray", ray_cluster

    @pytest.fixture
    def victim(self):
        def found(output):
            wait_until(lambda: scorers(output))
            above = psutil.Process(scorers(output)[0]).parents()
            return next(each.pid for each in above if each.name().startswith("ray::"))

        return found


class SparkClauses(EngineClauses):
    """The clauses that Spark keeps."""

    @pytest.mark.skip(reason="Spark tells nothing of a task before it ends")
    def test_6_the_progress_of_a_piece_is_told(self):
        """No engine has to."""


class TestSpark(SparkClauses):
    """Spark on this machine, with two cores; each has a Python worker."""

    @pytest.fixture
    def engine(self, monkeypatch):
        require_spark()
        monkeypatch.setenv("JAVA_TOOL_OPTIONS", QUICK_JAVA)
        monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
        return "spark", "local[2]"

    @pytest.fixture
    def victim(self):
        def found(output):
            wait_until(lambda: scorers(output))
            above = psutil.Process(scorers(output)[0]).parents()
            return next(each.pid for each in above if "pyspark.daemon" in each.cmdline())

        return found


class SparkCluster:
    """A master and two workers of one core, which start executors as processes of their own."""

    def __init__(self, folder, stack):
        self._folder = folder
        self._stack = stack
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.address = f"spark://127.0.0.1:{self._port}"
        self._begin("master.Master", "--port", self._port)
        wait_until(lambda: _is_open(self._port))
        self.workers = [self.begin_worker() for _ in range(2)]

    def begin_worker(self):
        """Start a worker; it has registered a few seconds later."""
        folder = ["--work-dir", self._folder / uuid.uuid4().hex]
        return self._begin("worker.Worker", *folder, "-c", 1, "-m", "1g", self.address)

    def _begin(self, name, *options):
        command = [require_spark() / "bin/spark-class", f"org.apache.spark.deploy.{name}"]
        command += ["--host", "127.0.0.1", "--webui-port", 0, *options]
        process = self._stack.enter_context(subprocess.Popen([str(each) for each in command]))
        self._stack.callback(process.terminate)
        return process


@pytest.fixture(scope="module")
def spark_cluster(tmp_path_factory):
    """Start the cluster."""
    require_spark()
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv("JAVA_TOOL_OPTIONS", QUICK_JAVA)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        yield SparkCluster(tmp_path_factory.mktemp("spark"), stack)


class TestSparkCluster(SparkClauses):
    """Spark's own cluster, of two workers; one that is killed takes its executor with it."""

    @pytest.fixture
    def engine(self, spark_cluster):
        return "spark", spark_cluster.address

    @pytest.fixture
    def victim(self, spark_cluster):
        yield lambda _output: spark_cluster.workers.pop().pid
        spark_cluster.workers.append(spark_cluster.begin_worker())
