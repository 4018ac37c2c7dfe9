"""When the packages of an environment are resolved again."""

from __future__ import annotations

import pytest

from modelship.bundle.lock import Lock
from modelship.testing.offline import images
from modelship.testing.offline.document_store import Store
from modelship.testing.offline.images import Images
from modelship.testing.offline.specifications import Specification


@pytest.fixture
def resolved(monkeypatch):
    """Return the list of the environments that were resolved."""
    seen = []

    def resolve(environment):
        seen.append(environment.requirements)
        return Lock(python="3.11", text="\n".join(environment.requirements))

    monkeypatch.setattr(images, "todays_lock", resolve)
    return seen


def specification(name, *packages):
    """Return one of a conda file with these packages of pip."""
    conda = {"name": name, "dependencies": ["python=3.11", {"pip": list(packages)}]}
    return Specification(conda, has_server=True)


def test_the_same_packages_are_resolved_once(tmp_path, resolved):
    """The name in a conda file changes nothing."""
    made = Images(Store(tmp_path))
    first = made.lock(specification("a", "azureml-defaults"))
    assert made.lock(specification("b", "azureml-defaults")) == first
    assert Images(Store(tmp_path)).lock(specification("a", "azureml-defaults")) == first
    assert len(resolved) == 1


def test_packages_that_modelship_adds_are_resolved(tmp_path, resolved, monkeypatch):
    """A workspace that is opened by another release of modelship has no stale locks."""
    monkeypatch.setattr("modelship.bundle.environment.SETUPTOOLS", "setuptools==60")
    Images(Store(tmp_path)).lock(specification("a", "azureml-defaults"))
    monkeypatch.undo()
    monkeypatch.setattr(images, "todays_lock", lambda environment: Lock("3.11", "new"))
    _, lock = Images(Store(tmp_path)).lock(specification("a", "azureml-defaults"))
    assert lock.text == "new"
