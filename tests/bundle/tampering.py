"""Tampered bundles, each named for its attack.

An attacker can also recompute the digests, so most cases do: what refuses them is not
a digest.
"""

from __future__ import annotations

import json
import os
from types import MappingProxyType

from modelship.bundle import Environment, Lock, Resources, ScoringBundle
from modelship.bundle.scoring_script import SourceFile
from modelship.sources import Model

SCRIPT = b"def init(): ...\ndef run(raw_data): return raw_data\n"
LOCK = "packaging==24.0 \\\n    --hash=sha256:00\n"
MANIFEST = "bundle.json"
MODEL = "models/small/1/model.pkl"


def saved(folder, *, lock=LOCK, **changes):
    """Save a bundle whose digests are right, whatever is in it."""
    folder.mkdir()
    (folder / "model.pkl").write_bytes(b"\x80\x04]\x94.")
    fields = {
        "models": (Model.read(folder / "model.pkl", name="small"),),
        "entry_script": "score.py",
        "source": (SourceFile("helper.py", b"X = 1\n"), SourceFile("score.py", SCRIPT)),
        "environment": Environment("3.11", ("packaging",), origin="test"),
        "sample_json": '{"data": [1]}',
        "resources": Resources(),
        "tags": MappingProxyType({"team": "red"}),
        "description": "",
    }
    bundle = ScoringBundle.from_parts(lock=Lock("3.11", lock), **(fields | changes))
    return bundle.save(folder / "saved")


def sources(*paths):
    """Return the source of a bundle with files of these paths next to the script."""
    files = (SourceFile("score.py", SCRIPT), *(SourceFile(path, b"") for path in paths))
    return {"source": files}


def field(*way, to):
    """Return a change of one field of the manifest."""

    def change(folder):
        manifest = json.loads((folder / MANIFEST).read_text())
        inner = manifest
        for key in way[:-1]:
            inner = inner[key]
        if to is None:
            del inner[way[-1]]
        else:
            inner[way[-1]] = to
        (folder / MANIFEST).write_text(json.dumps(manifest))

    return change


def text(old, new):
    """Return a change of the manifest's text."""

    def change(folder):
        content = (folder / MANIFEST).read_text()
        assert old in content
        (folder / MANIFEST).write_bytes(content.replace(old, new, 1).encode(errors="surrogatepass"))

    return change


def content(path, new):
    """Return a change of one file."""
    return lambda folder: (folder / path).write_bytes(new)


def link(path, target):
    """Return a change that puts a link in place of a file or a folder."""

    def change(folder):
        moved = folder.parent / "moved"
        (folder / path).rename(moved)
        (folder / path).symlink_to(moved if target is None else target)

    return change


def pipe(path):
    """Return a change that puts a pipe, which nobody writes to, in place of a file."""

    def change(folder):
        (folder / path).unlink()
        os.mkfifo(folder / path)

    return change


def folder_at(path):
    """Return a change that puts a folder in place of a file."""

    def change(folder):
        (folder / path).unlink()
        (folder / path).mkdir()

    return change


DEEP = '{"a": ' * 100_000 + "1" + "}" * 100_000

# Fields of a bundle that is saved with right digests.
MADE = {
    "entry script elsewhere": {"entry_script": "/elsewhere/x.py"},
    "entry script above": {"entry_script": "../../../x.py"},
    "entry script is an option": {"entry_script": "--config=/elsewhere.py"},
    "entry script is a listed option": {
        "entry_script": "--config=x.py",
        **sources("--config=x.py"),
    },
    "entry script in a folder that is an option": {
        "entry_script": "-c/x.py",
        **sources("-c/x.py"),
    },
    "entry script with backslashes": {"entry_script": "..\\x.py", **sources("..\\x.py")},
    "entry script not listed": {"entry_script": "other.py"},
    "entry script is a folder": {"entry_script": "package", **sources("package/x.py")},
    "entry script is the current folder": {"entry_script": "./score.py"},
    "entry script is no module": {"entry_script": "notes.txt", **sources("notes.txt")},
    "entry script is empty": {"entry_script": ""},
    "entry script with a line break": {"entry_script": "a\nb.py", **sources("a\nb.py")},
    "source over the model": sources("azureml-models/small/1/model.pkl"),
    "source beside the model": sources("azureml-models/other/1/model.pkl"),
    "source over the models, in capitals": sources("AzureML-Models/small/1/model.pkl"),
    "source in place of the folder of models": sources("azureml-models"),
    "source in place of the server": sources("azureml_inference_server_http/__main__.py"),
    "source in place of the server as a file": sources("azureml_inference_server_http.py"),
    "source in place of our server": sources("modelship_server/__main__.py"),
    "source in place of our server as an extension": sources("modelship_server.abi3.so"),
    "source as deep as no folder": sources("/".join("a" * 80) + "/x.py"),
    "lock with another index": {"lock": f"--index-url http://127.0.0.1:9/simple\n{LOCK}"},
    "lock with an address": {"lock": "packaging @ http://127.0.0.1:9/p.whl --hash=sha256:00\n"},
    "lock with a folder": {"lock": "./source --hash=sha256:00\n"},
    "lock with an option behind a comment": {"lock": f"# x \\\n-i http://127.0.0.1:9/\n{LOCK}"},
    "lock with a variable": {"lock": "packaging @ https://127.0.0.1:9/${HOME}/p.whl\n"},
    "lock with an editable folder": {"lock": "-e source\n"},
    "lock with another file": {"lock": "-r /etc/passwd\n"},
    "lock with a marker that is none": {"lock": "packaging==24.0 ; import os\n"},
}

# Changes of a saved bundle.
CHANGED = {
    "tags are a list": field("tags", to=[]),
    "tags of numbers": field("tags", to={"team": 1}),
    "parts are text": field("parts", to="abc"),
    "a part is missing": field("parts", "model", to=None),
    "a part too many": field("parts", "extra", to="0" * 64),
    "a part is another": field("parts", "model", to="0" * 64),
    "digest is missing": field("digest", to=None),
    "digest is another": field("digest", to="0" * 64),
    "digest is no digest": field("digest", to="x"),
    "digest in capitals": field("digest", to="A" * 64),
    "source is text": field("source", to="score.py"),
    "source lists an absolute path": field("source", to=["/etc/hostname", "score.py"]),
    "source leads out": field("source", to=[f"../{MODEL}", "score.py"]),
    "source lists a file twice": field("source", to=["score.py", "score.py"]),
    "source lists a folder": field("source", to=["helper.py/", "score.py"]),
    "source lists NUL": field("source", to=["a\0b", "score.py"]),
    "source lists a number": field("source", to=[1]),
    "source lists nothing": field("source", to=[]),
    "source lists what is missing": field("source", to=["gone.py", "score.py"]),
    "source has more than is listed": field("source", to=["score.py"]),
    "source lists too many": field("source", to=["score.py"] * 30_000),
    "model leads out": field("models", 0, "path", to="../source/score.py"),
    "model is its own folder": field("models", 0, "path", to="."),
    "model is missing": field("models", 0, "path", to="other.pkl"),
    "model is a number": field("models", 0, to=7),
    "model name leads out": field("models", 0, "name", to="../../x"),
    "model version leads out": field("models", 0, "version", to="1/../../../x"),
    "model version is a number": field("models", 0, "version", to=1),
    "model origin is an address": field("models", 0, "origin", to="http://127.0.0.1/"),
    "python is a path": field("environment", "locked_python", to="3.11/../../bin/sh"),
    "python is an option": field("environment", "python", to="--help"),
    "requirements are text": field("environment", "requirements", to="packaging"),
    "requirement with an address": field(
        "environment", "requirements", to=["packaging @ http://127.0.0.1:9/p.whl"]
    ),
    "requirements are others": field("environment", "requirements", to=["flask", "packaging"]),
    "python is another": field("environment", "python", to="3.11.1"),
    "memory is negative": field("resources", "memory_gb", to=-1),
    "memory is infinite": text('"memory_gb": 1.0', '"memory_gb": Infinity'),
    "memory is huge": text('"memory_gb": 1.0', '"memory_gb": 1e999'),
    "memory is more than bytes can count": text('"memory_gb": 1.0', '"memory_gb": 1e308'),
    "memory is true": field("resources", "memory_gb", to=True),
    "cores have thousands of digits": text('"cpu_cores": 1.0', f'"cpu_cores": {"9" * 9999}'),
    "cores in a dictionary": field("resources", "cpu_cores", to={}),
    "a resource too many": field("resources", "gpus", to=1),
    "a field too many": field("command", to="sh"),
    "a field twice": text('"description": ""', '"description": "", "description": "x"'),
    "a field twice behind many": text(
        "{", "{" + "".join(f'"{n}":1,' for n in range(200_000)) + '"tags": 1,'
    ),
    "a lone surrogate": text('"description": ""', '"description": "\\ud800"'),
    "description is a list": field("description", to=["a"]),
    "format of the past": field("modelship_bundle", to=1),
    "format of the future": field("modelship_bundle", to=99),
    "format is true": field("modelship_bundle", to=True),
    "format is deep": field("modelship_bundle", to=[[[1]]]),
    "manifest is deep": content(MANIFEST, DEEP.encode()),
    "manifest is a deep field": text('"description": ""', f'"description": {DEEP}'),
    "manifest is a list": content(MANIFEST, b"[1]"),
    "manifest is NaN": content(MANIFEST, b"NaN"),
    "manifest is empty": content(MANIFEST, b""),
    "manifest is UTF-16": lambda folder: (folder / MANIFEST).write_text(
        (folder / MANIFEST).read_text(), encoding="utf-16"
    ),
    "manifest is no UTF-8": content(MANIFEST, b'{"a": "\xff"}'),
    "manifest is too large": content(MANIFEST, b" " * (17 * 2**20)),
    "manifest is a link": link(MANIFEST, None),
    "manifest is a folder": folder_at(MANIFEST),
    "manifest is a pipe": pipe(MANIFEST),
    "manifest is a looping link": link(MANIFEST, MANIFEST),
    "script is another": content("source/score.py", SCRIPT + b"#"),
    "script is a link": link("source/score.py", None),
    "script is a link elsewhere": link("source/score.py", "/etc/hostname"),
    "script is a looping link": link("source/score.py", "score.py"),
    "script is a folder": folder_at("source/score.py"),
    "script is a pipe": pipe("source/score.py"),
    "source is a link": link("source", None),
    "model is another": content(MODEL, b"\x80\x04N."),
    "model is empty": content(MODEL, b""),
    "model is a link": link(MODEL, None),
    "model is a looping link": link(MODEL, "model.pkl"),
    "model is a pipe": pipe(MODEL),
    "models are a link": link("models", None),
    "lock is another": content("requirements.lock", b"packaging==24.1\n"),
    "lock is no UTF-8": content("requirements.lock", b"\xff"),
    "lock is a link": link("requirements.lock", None),
    "lock is missing": lambda folder: (folder / "requirements.lock").unlink(),
    "sample is another": content("sample_input.json", b'{"data": [2]}'),
    "sample is deep": content("sample_input.json", DEEP.encode()),
    "sample is no JSON": content("sample_input.json", b"{"),
    "sample is a link": link("sample_input.json", None),
    "sample is a pipe": pipe("sample_input.json"),
    "sample is missing": lambda folder: (folder / "sample_input.json").unlink(),
}
