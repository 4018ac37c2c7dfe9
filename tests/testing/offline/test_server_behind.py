"""Azure ML's own server, behind the address of a service in an offline workspace."""

from __future__ import annotations

import pytest
from offline_services import around_the_front, deploying


@pytest.fixture(scope="module")
def place(tmp_path_factory, shared_home):
    """Return a deployer whose workspace all tests of this module share."""
    with deploying(tmp_path_factory.mktemp("behind"), home=shared_home) as found:
        yield found


@pytest.fixture(scope="module")
def inspector(place):
    """Return a service with two models and keys."""
    models = [place.register("one", **{"one.txt": "1"})]
    models.append(place.register("two", **{"a.txt": "a", "b.txt": "b"}))
    return place.up(models=models, auth_enabled=True)


def test_the_server_behind_answers_nobody_else(place, inspector):
    """Its port is open to every user of the machine, and knows nothing of keys."""
    assert around_the_front(place, inspector) == 403
    assert inspector.run("1") == 1


def test_a_service_shows_its_log_and_its_models(inspector):
    """All of the log, its end, or that of the start, which names the models."""
    log = inspector.get_logs()
    assert "the inspector is ready" in log
    assert "ready for serving" in log
    assert len(inspector.get_logs(num_lines=2).splitlines()) == 2
    assert "one:1" in inspector.get_logs(init=True)
    assert [each.name for each in inspector.models] == ["one", "two"]
