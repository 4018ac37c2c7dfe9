"""A process that is a fork, such as one of a pool, uses what its parent has used of the SDK."""

import multiprocessing

import pytest
from azureml._restclient.clientbase import ClientBase
from azureml._restclient.service_context import ServiceContext

from modelship.workspace import _models_sdk  # noqa: F401 - it renews the pools


def ask(owner):
    """Be a fork, which asks for something."""
    assert owner._get_worker_pool().submit(abs, -1).result(timeout=60) == 1


@pytest.mark.parametrize("owner", [ClientBase, ServiceContext])
def test_a_fork_has_threads_of_its_own_for_the_sdk(owner):
    """Those of the parent are not there, and the SDK would wait for them without end."""
    ask(owner)
    process = multiprocessing.get_context("fork").Process(target=ask, args=(owner,))
    process.start()
    process.join()
    assert process.exitcode == 0
