"""What is never looked at, whatever a library offers."""

import re

# Their names say that they touch files, networks, processes, state of the process, or raw memory.
NEVER = re.compile(
    r"_?(load|save|read|write|fetch|open|eval|exec|import|download|dump|fromfile|fromregex|fromstring"
    r"|genfromtxt|recfrom\w*|mafromtxt|ndfromtxt|loadtxt|savetxt|savez|memmap|DataSource|info|source|lookfor|who"
    r"|set|reset|register|seterr\w*|get_config|show|test|export|print|disp|deprecate|bmat|mat"
    r"|from_dlpack|frombuffer|get_include|add_newdoc\w*|add_docstring|as_strided|DummyArray"
    r"|safe_eval|byte_bounds|clear|enable|run|plot|display|html|estimator_html_repr"
    r"|config_context|get_data_home|asarray_chkfinite_|parallel_backend|gen_batches_|all_estimators"
    r"|check_estimator|parametrize_with_checks|LowLevelCallable|create_|dask|build|collective"
    r"|array2string|array_repr|array_str|format_parser|nested_iters|ctypeslib|doctest)s?(_\w+)?"
    r"|\w*_(pickle|file|txt|files|svmlight|mldata|openml|string_function|print\w*|printoptions|plot|graphviz|text)"
    r"|ufunc_\w+|\w+_testing",
)
# Harmless, though their names look as those do.
ALSO = {"set_union", "setdiff1d", "setxor1d", "source_ndim"}
OMITTED = re.compile(
    r"(tests?|_testing|testing|conftest|setup|externals|_build_utils|f2py|distutils|_pyinstaller"
    r"|compat|ctypeslib|_ctypeslib|io|_typing|typing|datasets|sandbox|eval|computation|plotting|npyio"
    r"|_npyio_impl|format|_format_impl|_datasource|graphics|_pytesttester|pytesttester|pool|clib"
    r"|_parallel_backends|parallel|_memmapping_reducer|_store_backends|disk|hashing|_cloudpickle_wrapper"
    r"|_dask|dask|spark|plugin|collective|tracker|formula|__main__|_utils_testing|_estimator_html_repr"
    r"|_repr_html|callback_support|widget|cli|cupy|_mocking|estimator_checks|all_estimators|_test_common"
    r"|mlab|_isolation_forest_|lazyframe|expr|sql|catalog|interchange|ml|cuda|flight|dataset|fs|orc|parquet|feather"
    r"|vendor|_array_api|array_api_compat|array_api_extra|_lib|memmap|numba_|_numba|stride_tricks|_stride_tricks_impl"
    r"|highlevel|origin|desc|infer|multiprocessing|smart_|mp|numpy_pickle_utils|numpy_pickle_compat)"
)


def rejected(module):
    return any(OMITTED.fullmatch(part) for part in module.split(".")[1:])
