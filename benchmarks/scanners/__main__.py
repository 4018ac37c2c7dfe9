"""How many hostile models scanners catch, and how many benign ones they raise an alarm about.

::

    python benchmarks/scanners --cache FOLDER            modelship, fickling, modelscan, picklescan
    python benchmarks/scanners --smoke                   modelship alone, on the tests' own models
    python benchmarks/scanners --cache FOLDER --names    tell what each missed, and its false alarms

The hostile models are those of tests/corpus/hostile.py. The benign ones are those of
tests/corpus/benign.py, with xgboost, LightGBM, CatBoost, statsmodels, cloudpickle and dill. Each
scanner has an environment of its own, made by uv and kept in FOLDER. Nothing is ever loaded: the
scanners only read, and what a hostile model would do is to make an empty file.

A scanner that cannot read a model does not call it fine. So of a hostile model that counts as
caught, and of a benign one as a false alarm; how often it is so stands beside the figures.
"""

import argparse
import collections
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uv

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from corpus.benign import RUN_CODE_OF_THE_FILE  # noqa: E402 - it is found only now
from corpus.hostile import CASES  # noqa: E402 - it is found only now

PYTHON = "3.11"
SCANNERS = {
    "fickling": ("fickling==0.1.12", "typing_extensions"),
    "modelscan": ("modelscan==0.8.8", "numpy"),
    "picklescan": ("picklescan==1.0.5", "numpy"),
}
BENIGN = (
    "scikit-learn==1.9.1", "numpy", "pandas", "joblib", "lightgbm", "catboost", "statsmodels",
    "cloudpickle", "dill", "skops", "onnx",
)  # fmt: skip
WITHOUT_THEIR_OWN = ("xgboost",)  # the libraries of GPUs that it asks for
LIMIT_S = 1800
SMOKE = 15  # every so many models make a smoke test


def environment(cache, name, requirements, alone=()):
    """Return the Python of an environment; make it where it is new."""
    digest = hashlib.sha256("\n".join((PYTHON, *requirements, *alone)).encode()).hexdigest()[:12]
    folder = cache / f"{name}-{digest}"
    python, ready = folder / "bin/python", folder / "ready"
    if not ready.exists():
        _uv("venv", "-q", "--clear", "--python", PYTHON, folder)
        _uv("pip", "install", "-q", "--python", python, *requirements)
        if alone:
            _uv("pip", "install", "-q", "--no-deps", "--python", python, *alone)
        ready.touch()
    return python


def _uv(*arguments):
    subprocess.run([uv.find_uv_bin(), *map(str, arguments)], check=True, timeout=LIMIT_S)


def benign(python, folder):
    """Write the benign models with that Python, and return their paths by name."""
    folder.mkdir()
    subprocess.run(
        [python, HERE / "write_benign.py", folder],
        env={**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"},
        check=True,
        timeout=LIMIT_S,
    )
    return json.loads((folder / "written.json").read_text())


def hostile(folder):
    """Write the hostile models, and return their paths by name."""
    written = {}
    for number, case in enumerate(CASES.values()):
        place = folder / str(number)
        place.mkdir(parents=True)
        written[case.name] = str(case.write(place, str(folder / "ran")))
    return written


def verdicts(python, name, models):
    """Return the verdict of a scanner on each model; one that ends with it could not say."""
    found, waiting = {}, list(models.items())
    ends_at = time.monotonic() + LIMIT_S
    while waiting and time.monotonic() < ends_at:
        lines = "".join(json.dumps(path) + "\n" for _, path in waiting)
        done = subprocess.run(
            [python, HERE / f"{name}_child.py"],
            input=lines,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        said = done.stdout.split()
        found.update(zip((each for each, _ in waiting), said, strict=False))
        if len(said) < len(waiting):
            found[waiting[len(said)][0]] = "error"
        waiting = waiting[len(said) + 1 :]
    return found


def row(name, of_hostile, of_benign):
    """Return the line of the table for one scanner."""
    bad, good = (collections.Counter(each.values()) for each in (of_hostile, of_benign))
    return (
        f"{name:<12} {bad['alarm'] + bad['error']:>7} {bad['error']:>9} {bad['fine']:>7}"
        f" {good['alarm'] + good['error']:>13} {good['error']:>9}"
    )


def compare(pythons, bad, good, *, names):
    """Print what each scanner says; return how often modelship was wrong."""
    print(f"{len(bad)} hostile models, {len(good)} benign ones\n")
    print(f"{'':<12} {'caught':>7} {'unread':>9} {'missed':>7} {'false alarms':>13} {'unread':>9}")
    wrong = 0
    for name, python in pythons.items():
        of_hostile, of_benign = (verdicts(python, name, models) for models in (bad, good))
        print(row(name, of_hostile, of_benign), flush=True)
        missed = [each for each, said in of_hostile.items() if said == "fine"]
        alarms = [f"{each}: {said}" for each, said in of_benign.items() if said != "fine"]
        if name == "modelship":
            unexpected = [
                each for each in alarms if each.split(" (")[0] not in RUN_CODE_OF_THE_FILE
            ]
            wrong = len(missed) + len(unexpected)
        if names or name == "modelship":
            print(*(f"    missed: {each}" for each in missed), sep="\n", end="\n" if missed else "")
            print(*(f"    alarm: {each}" for each in alarms), sep="\n", end="\n" if alarms else "")
    return wrong


def main():
    """Run what was asked for; exit with 1 if modelship was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cache", type=Path, help="where the environments are kept")
    parser.add_argument("--smoke", action="store_true", help="modelship alone, on some models")
    parser.add_argument("--names", action="store_true", help="tell what each was wrong about")
    options = parser.parse_args()
    if not (options.smoke or options.cache):
        parser.error("--cache says where the environments are kept")
    pythons = {"modelship": Path(sys.executable)}
    maker = Path(sys.executable)
    if not options.smoke:
        cache = options.cache.resolve()
        maker = environment(cache, "benign", BENIGN, WITHOUT_THEIR_OWN)
        for name, requirements in SCANNERS.items():
            pythons[name] = environment(cache, name, requirements)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bad, good = hostile(folder / "hostile"), benign(maker, folder / "benign")
        if options.smoke:
            bad, good = (dict(list(each.items())[::SMOKE]) for each in (bad, good))
        wrong = compare(pythons, bad, good, names=options.names)
        if (folder / "hostile/ran").exists():
            sys.exit("a hostile model was run")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
