"""The package as a whole: its names, its cost, its registry."""

import subprocess
import sys

import pytest

import modelship
from modelship.errors import InvalidOptionError, UnknownPluginError
from modelship.registry import Registry

FRESH = """
import sys
before = set(sys.modules)
import modelship
new = {name.partition('.')[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names) - {'modelship'}))
"""


def test_importing_modelship_imports_no_third_party_module():
    """`import modelship` brings in nothing but itself and the standard library."""
    printed = subprocess.run(
        [sys.executable, "-c", FRESH], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"


LAZY = ["bundle", "checks", "diagnosis", "evaluation", "targets", "testing.offline"]
DIR = """
import importlib, sys
module = importlib.import_module(sys.argv[1])
print(sorted(set(module.__all__) - set(dir(module))))
"""


@pytest.mark.parametrize("package", LAZY)
def test_dir_lists_the_public_names_before_their_first_use(package):
    """Completion and inspection of a package find the names that are resolved on first use."""
    command = [sys.executable, "-c", DIR, f"modelship.{package}"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


@pytest.mark.parametrize("name", modelship.__all__)
def test_every_public_name_resolves(name):
    """Each name in __all__ is there, and shows up in dir()."""
    assert getattr(modelship, name) is not None
    assert name in dir(modelship)


def test_an_unknown_name_is_an_attribute_error():
    """A name that the package does not have fails as it does for any module."""
    with pytest.raises(AttributeError, match="no attribute 'Evaluatr'"):
        modelship.Evaluatr  # noqa: B018


def test_registry_suggests_the_nearest_name():
    """A typing error is answered with the name that was probably meant."""
    registry = Registry(
        kind="target", group="none.such", builtins={"docker": "x:Y", "process": "x:Z"}
    )
    with pytest.raises(UnknownPluginError, match="did you mean 'docker'") as caught:
        registry.load("dokcer")
    assert "process" in caught.value.hint


def test_an_unknown_name_that_is_no_text_can_be_shown():
    """The error of a target or a service that is not named by a string has a message."""
    with pytest.raises(UnknownPluginError, match="5"):
        modelship.DeployTarget.open(5)


def test_registry_loads_a_builtin_by_its_string():
    """A name in the table is imported only when it is asked for."""
    registry = Registry(
        kind="test", group="none.such", builtins={"own": "modelship.registry:Registry"}
    )
    assert registry.load("own") is Registry


def test_registry_loads_an_installed_entry_point():
    """A name that is not in the table is looked up among the installed entry points."""
    registry = Registry(kind="script", group="console_scripts", builtins={})
    assert registry.load("modelship").__module__ == "modelship.cli"


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda: modelship.DeployTarget("docker"), "call DeployTarget.open('docker')"),
        (lambda: modelship.DeployTarget(None), "call DeployTarget.open('process')"),
        (lambda: modelship.Workspace("config.json"), "call Workspace.open(...) with a config.json"),
        (modelship.Workspace, "call Workspace.open(...) with a config.json"),
    ],
)
def test_a_constructor_that_is_called_in_place_of_open_says_so(make, advice):
    """What open() takes is no backend and no connection: the message names open()."""
    with pytest.raises(InvalidOptionError) as caught:
        make()
    assert advice in caught.value.message
