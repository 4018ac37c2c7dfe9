"""How deploy says that a new release is tried before it serves."""

from __future__ import annotations

import pytest

from modelship import Bounds, Canary, Shadow
from modelship.cli.rollouts import stages_from

MEMORY = ("-t", "memory", "--quiet")


def test_a_gate_is_kept_or_the_deployment_fails_with_the_metrics(modelship, files):
    """The bounds are those of evaluate, and the exit code is the target's."""
    deploy = ("deploy", files / "bundle", "-n", "gated", *MEMORY, "--gate", files / "test.npz")
    failed = modelship(*deploy, "--require", "accuracy=0.99")
    assert failed.exit_code == 7
    assert "failed the gate: accuracy is 0." in failed.stderr
    assert "no release is running under this name" in failed.stderr
    done = modelship(*deploy, "--require", "accuracy=0.9")
    assert done.exit_code == 0, done.output


def test_advice_on_the_test_set_of_a_gate_has_its_options(modelship, files, here):
    """What evaluate calls --decimal is --gate-decimal here, and right."""
    (here / "gate.csv").write_text("a;y\n1,5;0\n2,5;1\n")
    gate = ("--gate", "gate.csv", "--require", "accuracy=0.9")
    deploy = ("deploy", files / "bundle", "-n", "never", *MEMORY, *gate)
    refused = modelship(*deploy)
    assert (refused.exit_code, "-> Pass --gate-decimal ,." in refused.stderr) == (4, True)
    assert "decimal comma" not in modelship(*deploy, "--gate-decimal", ",").stderr
    missing = modelship("deploy", files / "bundle", "-n", "never", *MEMORY, "--gate-label", "y")
    assert "--gate FILE" in missing.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--require", "accuracy=0.9"), "--gate FILE"),
        (("--gate", "test.npz"), "--require METRIC=BOUND"),
        (("--gate", "test.npz", "--require", "acuracy=0.9"), "an existing"),
        (("--canary-option", "weight=10"), "did you mean 'weights'"),
        (("--canary-option", "weights=50,10"), "rising"),
        (("--canary-option", "error_rate=2"), "a share from 0 to 1"),
        (("--shadow-option", "requests=0"), "a whole number of at least 1"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused_first(modelship, files, arguments, said):
    """Nothing is deployed."""
    done = modelship("deploy", files / "bundle", "-n", "never", *MEMORY, *arguments)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("given", "canary", "shadow"),
    [
        ({}, None, None),
        ({"canary": True}, Canary(), None),
        ({"shadow": True}, None, Shadow()),
        (
            {"canary_option": (("weights", 50), ("error_rate", None), ("seconds", 2.5))},
            Canary(weights=(50,), seconds=2.5, bounds=Bounds(error_rate=None)),
            None,
        ),
        (
            {"shadow_option": (("disagreement", 0.1), ("record", "/x.jsonl"))},
            None,
            Shadow(record="/x.jsonl", bounds=Bounds(disagreement=0.1)),
        ),
    ],
)
def test_options_make_the_stages_that_python_has(here, given, canary, shadow):
    """An option of a stage asks for the stage too; those of its bounds stand among them."""
    nothing = {"gate": None, "gate_label": (), "require": ()}
    nothing |= {"canary": False, "shadow": False, "canary_option": (), "shadow_option": ()}
    found = stages_from(nothing | given)
    assert found == {"gate": None, "rollout": canary, "shadow": shadow}
