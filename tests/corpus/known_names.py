"""Make ``src/modelship/sources/known_names.txt``: what models' files name, and what it is used for.

::

    python tests/corpus/known_names.py FOLDER            every set of releases that is not there yet
    python tests/corpus/known_names.py FOLDER --only old the sets whose names begin so, again
    python tests/corpus/known_names.py FOLDER --join     the table alone, from what is in FOLDER

FOLDER keeps an environment and the findings of each set. uv finds or fetches the Pythons.
The package ``pickling`` runs in each environment; what it finds is a claim about these releases, and what
no release may ever do is taken out here, by ``REFUSED``.
"""

import argparse
import builtins
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from modelship.sources._denied import leads_to_code

TABLE = Path(__file__).parents[2] / "src/modelship/sources/known_names.txt"
BOOSTERS = "pytest xgboost lightgbm imbalanced-learn category_encoders statsmodels cloudpickle dill"
# Name of the set, Python, what is installed.
SETS = (
    ("newest", "3.12", f"scikit-learn pandas numpy {BOOSTERS} catboost skops polars pyarrow"),
    (
        "v1.7",
        "3.13",
        f"scikit-learn==1.7.2 pandas==2.3.3 numpy==2.3.5 {BOOSTERS} skops polars pyarrow",
    ),
    ("v1.6", "3.12", f"scikit-learn==1.6.1 pandas==2.2.3 numpy==2.1.3 {BOOSTERS} pyarrow"),
    ("v1.5", "3.11", f"scikit-learn==1.5.2 pandas==2.2.3 numpy==2.0.2 {BOOSTERS} skops polars"),
    ("v1.4", "3.10", f"scikit-learn==1.4.2 pandas==2.1.4 numpy==1.26.4 {BOOSTERS} catboost"),
    ("v1.3", "3.9", f"scikit-learn==1.3.2 pandas==2.0.3 numpy==1.25.2 {BOOSTERS} polars pyarrow"),
    ("v1.2", "3.9", f"scikit-learn==1.2.2 pandas==1.5.3 numpy==1.24.4 {BOOSTERS} skops"),
    ("v1.1", "3.8", f"scikit-learn==1.1.3 pandas==1.5.3 {BOOSTERS} catboost"),
    ("v1.0", "3.8", f"scikit-learn==1.0.2 pandas==1.5.3 numpy==1.21.6 {BOOSTERS} xgboost==1.6.2"),
    ("old-0.24", "3.7", f"scikit-learn==0.24.2 pandas numpy==1.19.5 {BOOSTERS}"),
    ("old-0.23", "3.7", f"scikit-learn==0.23.2 pandas==1.2.5 {BOOSTERS} xgboost==1.3.3"),
    ("old-0.22", "3.7", f"scikit-learn==0.22.2.post1 pandas {BOOSTERS} xgboost==1.5.2"),
    (
        "old-0.21",
        "3.6",
        "scikit-learn==0.21.3 numpy==1.16.6 scipy pandas==0.25.3 joblib lightgbm imbalanced-learn<0.7 pytest",
    ),
    (
        "old-0.20",
        "3.6",
        "scikit-learn==0.20.4 scipy pandas joblib lightgbm cloudpickle dill pytest",
    ),
    ("old-0.19", "3.6", "scikit-learn==0.19.2 scipy numpy pandas lightgbm cloudpickle pytest nose"),
)
HERE = Path(__file__).resolve().parent


def made(folder, name, python, packages):
    """Make the environment, and run the package ``pickling`` in it; return whether both went well."""
    place = folder / name
    found = folder / f"{name}.json"
    python = next(iter(sorted(Path.home().glob(f".pyenv/versions/{python}.*/bin/python"))), python)
    subprocess.run(["uv", "venv", "-q", "--allow-existing", "-p", python, place], check=True)
    light = [each for each in packages.split() if not each.startswith("xgboost")]
    heavy = [each for each in packages.split() if each.startswith("xgboost")]
    install = ["uv", "pip", "install", "-q", "--only-binary", ":all:", "-p", place / "bin/python"]
    subprocess.run([*install, *light], check=True, timeout=900)
    if heavy:  # without the libraries of GPUs that it asks for
        subprocess.run([*install, "--no-deps", *heavy], check=True, timeout=900)
    log = (folder / f"{name}.log").open("w")
    child = [place / "bin/python", "-m", "corpus.pickling", found]
    # Threads that wait for each other take minutes where processors are shared.
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    alone["PYTHONPATH"] = str(HERE.parent)
    return not subprocess.run(
        child,
        stdout=log,
        stderr=log,
        cwd=folder,
        env={**os.environ, **alone},
        timeout=900,
        check=False,
    ).returncode


# What honest pickles name, and what gives whoever writes a pickle more than it may have:
# anything imported by a text, text evaluated, attributes of what is there already replaced, or a
# function called that no name shows.
REFUSED = re.compile(
    r"""
    builtins\.(getattr|setattr|memoryview|iter|enumerate|zip|map|filter|reversed|print|open|vars)
    | .*\.__\w+__ | enum\.Enum\..* | dataclasses\.dataclass | contextlib\.(?!nullcontext).*
    | pandas\._libs\.tslibs\.strptime\..* | scipy\.interpolate\._fitpack\.error
    | argparse\.(?!Namespace).* | _frozen_.* | catboost\.core\.Pool | sklearn\.callback\._transport\..*
    | (xgboost|lightgbm|catboost)\.[\w.]*\.[a-z]\w* | sklearn\.(inspection|model_selection\._validation)\..*\.[a-z]\w*
    | .*\.(validate_params|crosstab|setbufsize|deprecated|parallel_backend|pivot_table)
    | .*\b(pytest|_pytest)\b.* | sklearn\.utils\.(?!_bunch|Bunch|_metadata_requests|_tags|_set_output|_random|deprecation|_typedefs|_array_api|_fast_dict
        |_encode|class_weight|extmath|fixes|validation|multiclass|murmurhash|metaestimators|_weight_vector|_seq_dataset|_vector_sentinel
        |_heap|_sorting|_cython_blas|_isfinite|_joblib|_indexing|_missing|random|sparsefuncs|sparsefuncs_fast|stats|arrayfuncs|graph|optimize)\w*\..*
    | (scipy\._lib\._uarray|cloudpickle\.cloudpickle\.subimport|numpy\.(_core|core)\._ufunc_reconstruct).*
    | dill\._dill\.(_eval_repr|_getattr\w*|_import_module|_load_type|_create_type|_create_namedtuple
        |_get_attr|_setitems|_create_filehandle|_create_stringi|_create_stringo|_create_lock|_create_rlock
        |_create_array|_create_ftype|_create_typing_tuple|_create_dtypemeta|_create_weakproxy
        |_create_dict_items|_create_ufunc|_create_memoryview)
    | typing\.(ForwardRef|get_type_hints) | itertools\..* | types\.(CodeType|FunctionType|LambdaType|ModuleType)
    | string\.Formatter | importlib\..* | operator\.(attrgetter|methodcaller|call)
    | .*\.(__setstate__|__reduce__\w*|__reduce_ex__|__globals__|__getattribute__)
    | (numba|llvmlite|dask|IPython|matplotlib|_pytest|pytest|setuptools|pkg_resources|distutils|os|sys|pickle)\..*
    | sklearn\.datasets\..* | .*\.memmap(\..*)? | .*\.(tests|testing|_testing)\..*
    | pandas\.(io|core\.computation)\..*
    | statsmodels\.(formula|sandbox|graphics|datasets|iolib\.(smpickle|openfile|foreign)|compat)\..*
    | (?!polars\.(dataframe\.frame\.DataFrame|series\.series\.Series|schema\.Schema|datatypes\.classes\.\w+
        |exceptions\.\w+)$)polars\..*
    | (?!xgboost\.(core\.Booster|core\.XGBoostError|callback\.[A-Z]\w+|sklearn\.\w+
        |compat\.XGBoostLabelEncoder)$)
        xgboost\..*
    | _catboost\._NumpyAwareEncoder | catboost\.core\._.* | catboost\.plot_helpers\..* | lightgbm\.basic\._Arrow.*
    | pyarrow\.vendored\..* | pyarrow\.lib\.(?!KeyValueMetadata)[A-Z]\w+(?<!Error) | patsy\b.* | dill\._dill
    | _?operator\.(setitem|delitem|i(add|and|concat|floordiv|lshift|matmul|mod|mul|or|pow|rshift|sub|truediv|xor)) | joblib\.numpy_pickle\.(?!NumpyArrayWrapper).*
    | (skops|pyarrow\._\w+|pyarrow\.(fs|dataset|flight|parquet|csv|json|orc|feather|plasma|hdfs|cuda|jvm|cffi|ipc|compute|substrait|acero))\..*
    | lightgbm\.(dask|libpath|plotting)\..* | catboost\.(widget|utils|monoforest|datasets|dev_utils|metrics|hnsw)\..*
    | joblib\.(pool|parallel|externals|test|disk|hashing|logger|backports|func_inspect|executor|_dask|_parallel_backends
        |_memmapping_reducer|_multiprocessing_helpers|_cloudpickle_wrapper|_utils|compressor|numpy_pickle_utils|numpy_pickle_compat)\b.*
    | joblib\.memory\.(Memorized|NotMemorized|expires|register).* | (dill|cloudpickle)\.(?!_dill|cloudpickle).*
    | .*\.(wrap_non_picklable_objects|delayed|Parallel|LowLevelCallable)
    """,
    re.VERBOSE,
)
ORDER = "HMC"
# What honest pickles call with arguments that say all: a reader has to look at them.
AT_MOST = {"builtins.type": "H", "builtins.object": "M"}
# Calling it makes folders.
AT_MOST |= {f"{joblib}.memory.Memory": "M" for joblib in ("joblib", "sklearn.externals.joblib")}
PLAIN = "bool bytearray bytes complex dict float frozenset int list range set slice str tuple"
ERRORS = [
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, BaseException)
]
SCALARS = "bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 str_ bytes_ object_ datetime64 timedelta64 complex64 complex128"
TENSORS = "tensor tensor_v2 tensor_v3 parameter parameter_with_state qtensor sparse_tensor"
STORAGES = "BFloat16 Bool Byte Char Double Float Half Int Long Short Untyped Typed"
ACTIVATIONS = "celu elu gelu glu hardtanh leaky_relu log_softmax mish relu relu6 selu silu sigmoid softmax softplus tanh"
LAYERS = {
    "activation": "ELU GELU GLU Hardtanh LeakyReLU LogSigmoid LogSoftmax MultiheadAttention PReLU ReLU"
    " ReLU6 SELU SiLU Sigmoid Softmax Softplus Softsign Tanh",
    "batchnorm": "BatchNorm1d BatchNorm2d BatchNorm3d",
    "container": "ModuleDict ModuleList ParameterDict ParameterList Sequential",
    "conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d",
    "dropout": "Dropout Dropout1d Dropout2d Dropout3d",
    "flatten": "Flatten Unflatten",
    "linear": "Bilinear Identity Linear NonDynamicallyQuantizableLinear",
    "loss": "BCELoss BCEWithLogitsLoss CrossEntropyLoss HuberLoss L1Loss MSELoss NLLLoss SmoothL1Loss",
    "normalization": "GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "pooling": "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool2d AvgPool1d AvgPool2d MaxPool1d"
    " MaxPool2d",
    "rnn": "GRU LSTM RNN",
    "sparse": "Embedding EmbeddingBag",
    "transformer": "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder"
    " TransformerEncoderLayer",
}
# What no set of releases has: Python 3.13's paths, and torch, which is too large to install.
BY_HAND = {
    **{f"builtins.{kind}": "C" for kind in (*PLAIN.split(), *ERRORS)},
    # Classes of a program have these among their attributes, where the program defines them.
    **{
        f"builtins.{name}": "H"
        for name in ["map", "zip", "filter", "enumerate", "iter", "reversed"]
    },
    **{f"{kind}.__new__": "H" for kind in ("builtins.object", "builtins.tuple", "enum.Enum")},
    "_thread.get_ident": "H",
    # What scikit-learn wraps the methods of a program's own estimators with; cloudpickle carries
    # the wrappers along, and they name these.
    "sklearn.utils._set_output._wrap_data_with_container": "H",
    "sklearn.utils.validation._is_fitted": "H",
    **{f"sklearn._config.{name}": "H" for name in ("config_context", "get_config")},
    "sklearn.utils._available_if._AvailableIfDescriptor": "M",
    "zoneinfo.ZoneInfo._unpickle": "C",  # of the time zones of pandas 3
    "_loss.CyHalfMultinomialLoss": "C",  # of scikit-learn 1.5, as skops writes it
    **{
        f"scipy.interpolate.interpolate.interp1d._call_{kind}": "H"  # before SciPy 1.8
        for kind in ("linear", "nan_spline")
    },
    # skops makes an instance of whatever it names.
    **{f"numpy.{kind}": "M" for kind in ["ndarray", "matrix", "recarray", "record"]},
    **{f"numpy.random.{kind}": "M" for kind in ("_generator.Generator", "mtrand.RandomState")},
    **{f"numpy.{kind}": "M" for kind in SCALARS.split()},
    **{
        f"pathlib._local.{kind}": "C" for kind in ["PosixPath", "PurePosixPath", "Path", "PurePath"]
    },
    **{f"pathlib._local.{kind}": "C" for kind in ["WindowsPath", "PureWindowsPath"]},
    **{f"pathlib.{kind}": "C" for kind in ["WindowsPath", "PureWindowsPath"]},
    **{f"torch._utils._rebuild_{kind}": "C" for kind in TENSORS.split()},
    **{f"torch.{kind}Storage": "H" for kind in STORAGES.split()},
    **{f"torch.{kind}": "C" for kind in ["Size", "device", "dtype"]},
    **{
        f"torch.{kind}": "H"
        for kind in ["bfloat16", "bool", "float16", "float32", "float64", "int16", "int32"]
    },
    **{f"torch.{kind}": "H" for kind in ["int64", "int8", "uint8", "Tensor"]},
    "torch.nn.parameter.Parameter": "H",
    **{f"torch.nn.functional.{name}": "H" for name in ACTIVATIONS.split()},
    **{f"torch.{name}": "H" for name in ["relu", "sigmoid", "tanh", "softmax"]},
    **{f"catboost.core.{kind}": "M" for kind in ["CatBoost", "CatBoostRanker"]},
    **{
        f"torch.nn.modules.{module}.{kind}": "M"
        for module, kinds in LAYERS.items()
        for kind in kinds.split()
    },
}


def is_refused(name):
    """Return whether a name may not be in the table, whatever a release does with it."""
    # scikit-learn brought its own joblib with it, before 0.21.
    ways = (name, name.replace("sklearn.externals.", ""))
    return any(REFUSED.fullmatch(way) or leads_to_code(way) for way in ways)


def joined(folder):
    """Return the uses of every name that a set of releases has, without what is refused."""
    uses = dict(BY_HAND)
    for found in sorted(folder.glob("*.json")):
        for name, use in json.loads(found.read_text())["names"].items():
            if not is_refused(name):
                uses[name] = max(use, uses.get(name, "H"), key=ORDER.index)
    return {**uses, **AT_MOST}


def write(uses):
    """Write the table: a line for each module, and below it its names by use."""
    modules = {}
    for name, use in uses.items():
        module, _, rest = name.rpartition(".")
        modules.setdefault(module, {}).setdefault(use, []).append(rest)
    lines = []
    for module in sorted(modules):
        lines.append(module)
        for use in sorted(modules[module]):
            lines.extend(f" {use}{name}" for name in sorted(modules[module][use]))
    TABLE.write_text("\n".join(lines) + "\n")
    print(f"{len(uses)} names in {len(modules)} modules, {TABLE.stat().st_size} bytes")


def main():
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="the sets whose names begin so")
    parser.add_argument("--join", action="store_true", help="the table alone")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [each for each in SETS if each[0].startswith(arguments.only)]
    if not arguments.only:
        chosen = [each for each in chosen if not (folder / f"{each[0]}.json").exists()]
    failed = []
    for name, python, packages in () if arguments.join else chosen:
        try:
            went_well = made(folder, name, python, packages)
        except (subprocess.SubprocessError, OSError) as error:
            went_well = False
            print(error)
        print(name, "done" if went_well else f"FAILED, see {folder / name}.log", flush=True)
        failed += [] if went_well else [name]
    write(joined(folder))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
