"""Pickles that name what must not be called, in every way there is to name something."""
# ruff: noqa: E501 - tables, where one attempt stands on one line

from __future__ import annotations

import codecs
import pickle
from functools import partial
from typing import TYPE_CHECKING

from corpus.assembly import call, name, pairs, run, text, values, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Each has a command in the place of COMMAND, or a marker in the place of MARKER.
WAYS = {
    "global": b"cos\nsystem\n(S'COMMAND'\ntR.",
    "the module behind os": b"cposix\nsystem\n(S'COMMAND'\ntR.",
    "inst": b"(S'COMMAND'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'COMMAND'\no.",
    "newobj with arguments": b"\x80\x02csubprocess\nPopen\n((lS'touch'\naS'MARKER'\natt\x81.",
    "newobj_ex with keywords": b"\x80\x04csubprocess\nPopen\n)}S'args'\nS'COMMAND'\ns\x92.",
    "names of Python 2": b"\x80\x02ccommands\ngetoutput\n(S'COMMAND'\ntR.",
    "built-ins of Python 2": b"\x80\x02c__builtin__\neval\n(S'1'\ntR.",
    "apply of Python 2": b"\x80\x02c__builtin__\napply\n(cos\nsystem\n(S'COMMAND'\nttR.",
    "escapes": b"S'\\x6fs'\nS'sys\\164em'\n\x93(S'COMMAND'\ntR.",
    "escapes of Unicode": b"V\\u006f\\u0073\nVsystem\n\x93(S'COMMAND'\ntR.",
    "short strings": b"U\x02osU\x06system\x93(S'COMMAND'\ntR.",
    "long strings": b"T\x02\x00\x00\x00osT\x06\x00\x00\x00system\x93(S'COMMAND'\ntR.",
    "a text of eight length bytes": b"\x8d\x02\0\0\0\0\0\0\0osVsystem\n\x93(S'COMMAND'\ntR.",
    "the memo": b"\x80\x04\x8c\x02os\x940\x8c\x06system\x940h\x00h\x01\x93(S'COMMAND'\ntR.",
    "a place filled twice": b"\x80\x04\x8c\x01aq\x00\x8c\x02osq\x0000\x8c\x06systemh\x00\x85"
    b"0h\x00\x8c\x06system\x93(S'COMMAND'\ntR.",
    "places out of order": b"\x8c\x01aq\x01\x8c\x02os\x94\x8c\x06system\x94000h\x02\x94"
    b"h\x02h\x03\x93(S'COMMAND'\ntR.",
    "a far place": b"\x8c\x02osr\xff\xff\xff\x7f0j\xff\xff\xff\x7f\x8c\x06system\x93(S'COMMAND'\ntR.",
    "a place by a line": b"Vos\np123\n0g123\nVsystem\n\x93(S'COMMAND'\ntR.",
    "dup": b"Vos\n2Vsystem\n\x93(S'COMMAND'\ntR.",
    "marks in the way": b"(((1Vos\n(1Vsystem\n\x93(S'COMMAND'\ntR.",
    "pop of a mark": b"cos\nsystem\n(0(S'COMMAND'\ntR.",
    "thrown away": b"cos\nsystem\n(S'COMMAND'\ntR0N.",
    "in a set": b"\x80\x04\x8f(cos\nsystem\n(S'COMMAND'\ntR\x90.",
    "a key of a dict": b"\x80\x04}cos\nsystem\n(S'COMMAND'\ntRNs.",
    "a frame": b"\x80\x04\x95\x1a\0\0\0\0\0\0\0cos\nsystem\n(S'COMMAND'\ntR.",
    "a frame that is too long": b"\x80\x04\x95\xff\0\0\0\0\0\0\0cos\nsystem\n(S'COMMAND'\ntR.",
    "frames within each other": b"\x80\x04\x95\x09\0\0\0\0\0\0\0\x95\x00\0\0\0\0\0\0\0"
    b"cos\nsystem\n(S'COMMAND'\ntR.",
    "a second protocol": b"\x80\x04N0\x80\x02c__builtin__\nexec\n(S'import os'\ntR.",
    "a second pickle": b"\x80\x02N.cos\nsystem\n(S'COMMAND'\ntR.",
    "hexadecimal numbers": b"I0x10\n0cos\nsystem\n(S'COMMAND'\ntR.",
    "octal numbers": b"I010\n0cos\nsystem\n(S'COMMAND'\ntR.",
    "an unclosed end": b"cos\nsystem\n(S'COMMAND'\ntR0",
    "before a broken end": b"\x80\x02cos\nsystem\n(S'COMMAND'\ntR\xff.",
    "persistent ids": b"Pcos.system\n.",
    "binary persistent ids": b"\x80\x02(S'storage'\ncos\nsystem\ntQ.",
    "extensions": b"\x80\x02ccopyreg\nadd_extension\n(S'os'\nS'system'\nK\xf0tR0\x82\xf0"
    b"(S'COMMAND'\ntR.",
    "extensions of two bytes": b"\x80\x02\x83\xf0\x01(S'COMMAND'\ntR.",
    "extensions of four bytes": b"\x80\x02\x84\xf0\x01\x02\x00(S'COMMAND'\ntR.",
}  # fmt: skip

# What is called through it, and how; os.system runs where nothing is written.
CALLED = """
builtins:eval builtins:exec builtins:compile builtins:__import__ builtins:open builtins:input
builtins:map builtins:filter builtins:vars builtins:globals builtins:breakpoint posix:execv
posix:popen os:popen os:spawnl os:startfile os:remove subprocess:run subprocess:check_output
subprocess:getoutput pty:spawn runpy:run_path runpy:_run_code code:interact
code:InteractiveInterpreter pdb:run bdb:Bdb.run timeit:timeit timeit:main cProfile:run profile:run
trace:Trace.run doctest:debug_script pydoc:pipepager pydoc:locate importlib:import_module
importlib._bootstrap:_load importlib.util:spec_from_file_location imp:load_source
zipimport:zipimporter shutil:rmtree shutil:copyfile tempfile:mktemp socket:create_connection
urllib.request:urlopen urllib.request:urlretrieve http.client:HTTPConnection smtplib:SMTP
ftplib:FTP webbrowser:open antigravity:fly requests:get requests.api:request ctypes:CDLL
ctypes.util:_findLib_gcc multiprocessing.util:spawnv_passfds asyncio:run
asyncio.subprocess:create_subprocess_shell threading:Thread marshal:loads pickle:loads
pickle:_Unpickler.load pickle:_loads _pickle:loads shelve:open types:FunctionType types:CodeType
types:ModuleType operator:attrgetter operator:methodcaller functools:reduce
functools:partial.__call__ itertools:starmap copyreg:constructor logging:FileHandler
logging.config:dictConfig io:open io:open_code io:FileIO _io:FileIO pathlib:Path.write_text
pathlib:PosixPath.unlink linecache:getlines uuid:_get_command_stdout pip:main pip._internal:main
ensurepip:bootstrap venv:create site:execsitecustomize _osx_support:_read_output
idlelib.run:Executive.runcode lib2to3.pgen2.pgen:ParserGenerator unittest.mock:_importer
test.support.script_helper:assert_python_ok distutils.spawn:spawn
setuptools.command.easy_install:main numpy:load numpy:fromfile numpy:memmap numpy.os:system
numpy:f2py.crackfortran.getlincoef numpy.testing._private.utils:runstring numpy.lib.npyio:load
numpy:ndarray.tofile numpy.ctypeslib:load_library scipy.io:loadmat
scipy.signal._signaltools:timeit.timeit scipy._lib._testutils:FPUModeChangeWarning
pandas:read_pickle pandas:eval pandas:DataFrame.query pandas:DataFrame.to_csv
pandas.core.frame:DataFrame.to_pickle pandas.core.computation.eval:eval
pandas.core.series:Series.to_csv patsy:dmatrix patsy.highlevel:dmatrix joblib:load
joblib.numpy_pickle:load joblib.numpy_pickle_compat:load joblib._utils:eval_expr
joblib.parallel:Parallel joblib.memory:Memory cloudpickle:loads cloudpickle.cloudpickle:_getobject
dill:loads dill._dill:_eval_repr dill._dill:_getattribute torch:load torch.hub:load
torch.storage:_load_from_bytes torch.utils._config_module:load_config
sklearn.datasets._base:load_files sklearn.utils._testing:check_docstring_parameters
sklearn.datasets:fetch_openml sklearn.utils.fixes:parse_version.os.system
sklearn.externals.joblib:load yaml:load yaml:unsafe_load jsonpickle:decode xgboost.core:_load_lib
lightgbm.basic:os.system tensorflow:io.read_file nltk.data:load sympy.core.sympify:sympify
six.moves:builtins.eval IPython:start_ipython
"""

# What only passes the call on.
THROUGH = {
    "partial": call("functools:partial", name("os:system"), text("COMMAND")) + b")R",
    "a partial of a partial": call("functools:partial", call("functools:partial", name("os:system")),
                                   text("COMMAND")) + b")R",
    "getattr": call("builtins:getattr", name("os:path"), text("os")) + b"0"
    + call("builtins:getattr", name("os:path"), text("genericpath")),
    "getattr of what it computes": call("builtins:getattr", call("builtins:dict"), text("get"))
    + values(text("os")) + b"R",
    "methodcaller": call("operator:methodcaller", text("system"), text("COMMAND"))
    + values(call("builtins:__import__", text("os"))) + b"R",
    "itemgetter": call("operator:itemgetter", text("eval")) + values(name("builtins:__dict__")) + b"R",
    "map": call("builtins:list", call("builtins:map", name("os:system"), b"]" + text("COMMAND") + b"a")),
    "reduce": call("functools:reduce", name("os:system"), b"]" + text("COMMAND") + b"a"),
    "reconstructor": call("copyreg:_reconstructor", name("builtins:str"), name("subprocess:Popen"),
                          text("COMMAND")),
    "newobj as a call": call("copyreg:__newobj__", name("subprocess:Popen"), text("COMMAND")),
    "newobj_ex as a call": call("copyreg:__newobj_ex__", name("subprocess:Popen"), b")",
                                pairs(args=text("COMMAND"))),
    "a class of type": call("builtins:type", text("X"), b")", pairs(
        __setstate__=name("os:system"))) + b")\x81" + text("COMMAND") + b"b",
    "the type of a class": call("builtins:type", name("collections:OrderedDict")) + values() + b"R",
    "a name made of bytes": call("builtins:str", call("_codecs:encode", text("os"), text("latin1")),
                                 text("latin1")) + text("system") + b"\x93" + values(text("COMMAND")) + b"R",
    "a computed module": call("builtins:str", text("os")) + text("system") + b"\x93"
    + values(text("COMMAND")) + b"R",
    "a computed attribute": text("os") + call("builtins:str", text("system")) + b"\x93"
    + values(text("COMMAND")) + b"R",
    "a module of a library": text("numpy") + text("os.system") + b"\x93" + values(text("COMMAND")) + b"R",
    "a class's globals": text("sklearn.pipeline") + text("Pipeline.__init__.__globals__") + b"\x93",
    "subclasses of object": call("builtins:object.__subclasses__"),
    "what pickle itself loads": call("pickle:loads", b"C\x03N.." ),
    "a default factory that is called": call("collections:defaultdict", name("os:getcwd")) + b"0"
    + call("collections:defaultdict.__missing__", call("collections:defaultdict", name("os:getcwd")),
           b"N"),
    "a name longer than any": text("os" + "." * 300) + text("system") + b"\x93" + values(
        text("COMMAND")) + b"R",
    "a name with a line feed": text("os\n") + text("system") + b"\x93",
    "a name that looks like another": text("os\u200b") + text("system") + b"\x93",
}  # fmt: skip


def _filled(content: bytes, marker: str) -> bytes:
    return content.replace(b"COMMAND", f"touch {marker}".encode()).replace(
        b"MARKER", marker.encode()
    )


def _write(folder: Path, marker: str, *, content: Callable[[str], bytes]) -> Path:
    path = folder / "model.pkl"
    path.write_bytes(content(marker))
    return path


def _through(content: bytes, marker: str) -> bytes:
    # The lengths of the texts are those of the command.
    command = f"touch {marker}"
    return whole(content.replace(text("COMMAND"), text(command)))


def _injected(marker: str, *, first: bool) -> bytes:
    """An honest object with a call before or behind it, as fickling injects one."""
    honest = pickle.dumps({"weights": [1.0, 2.0]}, 4)
    body = honest[11:-1]
    return whole(run(marker) + b"0" + body) if first else whole(body + run(marker) + b"0")


def cases() -> Iterator[tuple[str, str, Callable[[Path, str], Path]]]:
    """Yield the name, the attempt and the writer of each case."""
    for title, content in WAYS.items():
        tries = f"to call what runs a command, named by: {title}"
        yield title, tries, partial(_write, content=partial(_filled, content))
    for path in CALLED.split():
        yield (
            path,
            f"to call {path}",
            partial(
                _write, content=lambda marker, path=path: whole(call(path, text(f"touch {marker}")))
            ),
        )
    for title, content in THROUGH.items():
        tries = f"to run a command through: {title}"
        yield f"through {title}", tries, partial(_write, content=partial(_through, content))
    for first in (True, False):
        yield (
            f"injected {'before' if first else 'behind'}",
            "to hide a call in an honest pickle",
            (partial(_write, content=partial(_injected, first=first))),
        )
    yield (
        "rot13 of a name",
        "to name what only a codec spells out",
        partial(
            _write,
            content=lambda marker: whole(
                call("codecs:decode", text(codecs.encode("os", "rot13")), text("rot13"))
                + text("system")
                + b"\x93"
                + values(text(f"touch {marker}"))
                + b"R"
            ),
        ),
    )
