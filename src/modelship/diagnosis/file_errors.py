"""Explain exceptions about files, of the model, of the script and others, and system calls."""

from __future__ import annotations

import difflib
import posixpath
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from modelship.findings import RULES

if TYPE_CHECKING:
    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = [
    "MODEL_SUFFIXES",
    "explain_environment_variable",
    "explain_missing_file",
    "explain_system_call",
    "model_folder",
]

_QUOTED = re.compile(r"'(?P<path>[^']+)'|\"(?P<other>[^\"]+)\"")
_ONNX = re.compile(r"Load model from (?P<path>\S+) failed")
_NUMBER = re.compile(r"\[Errno (?P<number>\d+)\]")
_CALLS = {
    "30": ("MS606", "writes to {path}, and the files of the service are read-only"),
    "13": ("MS607", "may not open {path}: the user of the service lacks permission"),
    "1": ("MS607", "may not do this to {path}: the user of the service lacks permission"),
    "28": ("MS608", "cannot write {path}: there is no space left"),
    "98": ("MS601", "listens on a port that is already in use, most likely by the server itself"),
    "8": ("MS605", "starts {path}, a program for another processor architecture"),
}
_OWN_SERVER = "Remove the server from the script: Azure ML's own server calls init() and run()."
_TOO_LONG = re.compile(r"\[Errno 36\] [^:]*: b?['\"](?P<path>[\s\S]+)")
_PANDAS = re.compile(r"^File (?P<path>[\s\S]+) does not exist$")
_STARTS = re.compile(r"\b(?:subprocess\.|Popen\(|check_output\(|check_call\(|os\.exec)")
_WRITES = re.compile(
    r"\(.*,\s*(?:mode\s*=\s*)?['\"][rb+t]*[wax][b+t]*['\"]|\.to_(?:csv|json)\(|\.write_"
)
_READS = re.compile(r"(?P<name>[\w.]*\b(?:read_\w+|open|load\w*))\(")
_VARIABLE = re.compile(r"\.environ\b|\bgetenv\(")
_SECRET = re.compile(r"(?i)(?:^|_)(?:\w*key|token|secret|passw(?:or)?d|pwd|connection_string)$")
_MODEL_DIR = "AZUREML_MODEL_DIR"
MODEL_SUFFIXES = {
    *(".pkl", ".pickle", ".joblib", ".onnx", ".skops", ".pt", ".pth", ".h5", ".keras", ".sav"),
    *(".cbm", ".ubj", ".bst", ".model", ".safetensors", ".gz"),
}
_DATA_SUFFIXES = {".json", ".csv", ".txt", ".yaml", ".yml", ".toml", ".ini", ".parquet", ".tsv"}
_MISSING_KINDS = {"FileNotFoundError", "NotADirectoryError", "IsADirectoryError", "NoSuchFile"}
_FEW = 6
_ALIKE = 0.6  # difflib's ratio for two names: above it, one is likely a misspelling of the other


def _writes(raised: Raised) -> bool:
    """Return whether a line of the script, if known, writes a file."""
    return any(_WRITES.search(line) for line in raised.evidence)


def explain_missing_file(raised: Raised) -> Diagnosis | None:
    """Explain a missing file: a model's, the script itself, or one that was not shipped."""
    path = _path(raised)
    if not path or raised.kind == "TypeError":
        return None
    if _is_request(path):
        return _of_request(raised)
    if any(_STARTS.search(line) for line in raised.evidence):
        return _program(raised, path)
    return _of_file(raised, path)


def _of_file(raised: Raised, path: str) -> Diagnosis:
    if path.endswith(".py") and raised.phase == "import" and not raised.where:
        return raised.diagnosis(
            "MS112",
            f"The entry script {PurePosixPath(path).name} is not in the service.",
            "Give its path relative to the source directory as entry_script.",
        )
    if raised.kind == "IsADirectoryError":
        return _folder(raised, path)
    if not _is_of_model(raised, path):
        return _left_out(raised, path)
    cause = f"The script loads {_short(path)}, which is not in the service"
    return raised.diagnosis("MS106", cause + model_folder(raised), _advice(raised, path))


def _left_out(raised: Raised, path: str) -> Diagnosis:
    """Explain a missing file that is not a model: an output, a wrong path, or one not shipped."""
    name = PurePosixPath(path).name
    if _writes(raised):
        return raised.diagnosis(
            "MS109",
            f"The script writes {path}, and its folder is not in the service.",
            "Write below tempfile.gettempdir(), or create the folder first (os.makedirs).",
        )
    there = [each for each in raised.around.paths if each.name == name]
    if there:
        way = posixpath.relpath(there[0], PurePosixPath(raised.around.entry_script).parent)
        return raised.diagnosis(
            "MS109",
            f"The script opens {path}, but in the bundle the file is {there[0]}.",
            f"Write os.path.join(os.path.dirname(__file__), {way!r}).",
        )
    return raised.diagnosis(
        "MS109",
        f"The script opens {path}, which is not in the service.",
        f"Put {name} next to the script (source_directory=) and open it relative to __file__, or "
        "put it into the model.",
    )


def _is_request(path: str) -> bool:
    """Return whether the string used as a path is a request: JSON, or part of it."""
    return path.lstrip().startswith(("{", "[")) or "\n" in path


def _of_request(raised: Raised) -> Diagnosis:
    reader = next((match for line in raised.evidence if (match := _READS.search(line))), None)
    name = reader["name"] if reader else ""
    what = f"{name}()" if name else "a function"
    advice = (
        f"Write {name}(io.StringIO(...)) with the text in it, or json.loads(...)."
        if name.startswith(("pd.", "pandas."))
        else "Read it with json.loads(raw_data)."
    )
    return raised.diagnosis(
        "MS503",
        f"run() passes the request itself to {what}, which interprets it as a file name.",
        advice,
    )


def _program(raised: Raised, path: str) -> Diagnosis:
    return raised.diagnosis(
        "MS208",
        f"The script starts the program {path}, which is not installed where the service runs.",
        f"Use a base image that has {PurePosixPath(path).name}, or a package that provides it.",
    )


def _path(raised: Raised) -> str:
    if raised.kind == "OSError" and (match := _TOO_LONG.search(raised.message)):
        return match["path"]
    if match := _ONNX.search(raised.message):
        return match["path"]
    if match := _PANDAS.match(raised.message):
        return match["path"]
    if raised.kind in _MISSING_KINDS or "[Errno 2]" in raised.message:
        quoted = list(_QUOTED.finditer(raised.message))
        return (quoted[0]["path"] or quoted[0]["other"]) if quoted else ""
    return ""


def _is_of_model(raised: Raised, path: str) -> bool:
    name, suffix = PurePosixPath(path).name, PurePosixPath(path).suffix
    if "azureml-models" in path or any(_MODEL_DIR in line for line in raised.evidence):
        return True
    if any(PurePosixPath(each).name == name for each in raised.files or ()):
        return True
    if any(each.name == name for each in raised.around.paths):
        return False
    return suffix in MODEL_SUFFIXES or (raised.is_loading and suffix not in _DATA_SUFFIXES)


def _folder(raised: Raised, path: str) -> Diagnosis:
    if not _is_of_model(raised, path):
        return raised.diagnosis(
            "MS109",
            f"The script opens {path}, which is a folder.",
            "Give the path of a file in it.",
        )
    return raised.diagnosis(
        "MS106",
        f"The script loads {_short(path)}, which is a folder of models, not a file."
        if path.endswith("azureml-models")
        else f"The script loads {_short(path)}, which is the folder of the model, not a file.",
        _advice(raised, path),
    )


def model_folder(raised: Raised) -> str:
    """Return the end of a sentence: the contents of the models' folder, if that was logged."""
    files = raised.files
    if files is None:
        return "."
    if not files:
        return "; the model directory is empty."
    return f"; the model directory contains {_listed(files)}."


def _advice(raised: Raised, path: str) -> str:
    files = raised.files or ()
    name = PurePosixPath(path).name
    if not files and "azureml-models" in path and raised.kind != "IsADirectoryError":
        # The path is correct already.
        return (
            f"Give the name of a file in the folder os.environ['{_MODEL_DIR}']: the server "
            "lists its files after the error."
        )
    close = difflib.get_close_matches(name, files, n=1, cutoff=0) if files else [name]
    same = [each for each in files if PurePosixPath(each).name == name]  # one of several models'
    best = next(iter(difflib.get_close_matches(_short(path), same, n=1, cutoff=0)), close[0])
    if raised.files is not None and not files:
        return "Add the model that the script loads to the bundle."
    if raised.kind == "IsADirectoryError" and not files:
        best = "model.pkl"
    parts = ", ".join(f"'{part}'" for part in PurePosixPath(best).parts)
    write = f"Write os.path.join(os.environ['{_MODEL_DIR}'], {parts})"
    if not files or raised.kind == "IsADirectoryError" or _is_slip(name, PurePosixPath(best).name):
        return f"{write}."
    return f"{write}, or create the bundle from a folder that also contains {name}."


def _is_slip(name: str, other: str) -> bool:
    return difflib.SequenceMatcher(None, name, other).ratio() >= _ALIKE


def _short(path: str) -> str:
    """Return a path without the prefix of the service's folder."""
    _, found, rest = path.partition("azureml-models")
    return f"azureml-models{rest}" if found else path


def _listed(files: tuple[str, ...]) -> str:
    more = f" and {len(files) - _FEW} more" if len(files) > _FEW else ""
    return ", ".join(files[:_FEW]) + more


def explain_environment_variable(raised: Raised) -> Diagnosis | None:
    """Explain an environment variable that the service does not have."""
    variable = raised.message.strip("' \"")
    if raised.kind == "TypeError" and "NoneType" in raised.message:
        if any(_MODEL_DIR in line for line in raised.evidence):
            return raised.diagnosis("MS106", f"{_MODEL_DIR} is not set where the script runs.")
        return None
    reads = any(_VARIABLE.search(line) for line in raised.evidence)
    if raised.kind != "KeyError" or not (reads or variable == _MODEL_DIR):
        return None
    if variable == _MODEL_DIR:
        return raised.diagnosis(
            "MS106",
            f"{_MODEL_DIR} is not set where the script runs; Azure ML sets it in a service with a "
            "model.",
            "Deploy a model with the script, or set it to the model's folder.",
        )
    if difflib.SequenceMatcher(None, variable, _MODEL_DIR).ratio() > 0.8:  # noqa: PLR2004 - a slip of the pen
        return raised.diagnosis(
            "MS106",
            f"The script reads the variable {variable}; the model's folder is in {_MODEL_DIR}.",
            f"Write os.environ['{_MODEL_DIR}'].",
        )
    code = {"import": "MS501", "init": "MS502", "run": "MS503"}[raised.phase]
    if _SECRET.search(variable):  # variables are displayed (MS118)
        advice = f"Set {variable} as a secret: Serving(secrets=...) or --secret."
    else:
        advice = (
            f"Set it with --variable {variable}=... (Serving(variables=...)), or give it a "
            f"default: os.environ.get('{variable}', ...)."
        )
    return raised.diagnosis(
        code,
        f"The script reads the environment variable {variable}, which the service does not have.",
        advice,
    )


def explain_system_call(raised: Raised) -> Diagnosis | None:
    """Explain an error number of the operating system."""
    match = _NUMBER.search(raised.message)
    number = match["number"] if match else ("13" if raised.kind == "PermissionError" else "")
    if number not in _CALLS:
        return None
    code, what = _CALLS[number]
    path = _QUOTED.search(raised.message)
    cause = f"The script {what.format(path=path['path'] or path['other'] if path else 'a file')}."
    if code == "MS607" and _writes(raised):
        return raised.diagnosis(code, cause, RULES["MS606"].advice)
    return raised.diagnosis(code, cause, _OWN_SERVER if code == "MS601" else "")
