"""Things of Python itself."""

import collections
import datetime
import decimal
import enum
import fractions
import functools
import inspect
import json
import operator
import pathlib
import random
import re
import sys
import types
import uuid

from corpus.pickling.noting import HOLD, note


def python():
    """Containers, numbers, dates and what else Python itself puts into models."""
    yield [None, True, 1, 2**70, 1.5, 1j, b"x", bytearray(b"x"), "x", (), [1], {"a": 1}, {1}]
    yield [frozenset({1}), range(3), slice(1, 2), Ellipsis, NotImplemented, reversed([1])]
    yield [iter([1]), iter((1,)), iter(range(3)), iter({}), iter("x"), enumerate([1]), zip([1])]
    yield [bool, bytearray, bytes, complex, dict, float, frozenset, int, list, object, range, set]
    yield [slice, str, tuple, type, type(None), type(Ellipsis), type(NotImplemented), memoryview]
    yield [
        each
        for each in vars(__import__("builtins")).values()
        if isinstance(each, type) and issubclass(each, BaseException)
    ]
    for error in (
        ValueError("x"),
        KeyError("x"),
        TypeError(),
        RuntimeError(1),
        OSError(2, "x"),
        ZeroDivisionError(),
        AttributeError("x"),
        IndexError("x"),
        StopIteration(1),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "x"),
        Exception("x"),
        Warning("x"),
        UserWarning("x"),
        DeprecationWarning("x"),
        FutureWarning("x"),
        NotImplementedError("x"),
        ArithmeticError(),
        LookupError(),
        OverflowError("x"),
    ):
        yield error
    yield [
        abs,
        min,
        max,
        sum,
        len,
        round,
        divmod,
        pow,
        hash,
        id,
        repr,
        sorted,
        any,
        all,
        ascii,
        bin,
        hex,
        oct,
        ord,
        chr,
        callable,
        isinstance,
        issubclass,
        format,
        iter,
        next,
        zip,
        enumerate,
        reversed,
    ]
    yield collections.OrderedDict(a=1)
    yield collections.defaultdict(list, a=[1])
    yield collections.defaultdict(int)
    yield [collections.deque([1], 3), collections.Counter("ab"), collections.ChainMap({})]
    yield [collections.UserDict(a=1), collections.UserList([1]), collections.UserString("x")]
    yield [datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3), datetime.time(1)]
    yield [
        datetime.timedelta(1),
        datetime.timezone.utc,
        datetime.timezone(datetime.timedelta(hours=1)),
    ]
    yield datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc)
    yield [datetime.date, datetime.datetime, datetime.timedelta]
    yield [decimal.Decimal("1.5"), fractions.Fraction(1, 3), uuid.UUID(int=1)]
    yield decimal.Context()
    yield decimal.getcontext()
    yield [decimal.ROUND_HALF_UP, random.Random(0), random.SystemRandom]
    yield [re.compile("a+"), re.compile(b"a", re.IGNORECASE), re.IGNORECASE]
    yield [functools.partial(max, 1), functools.partial(int, base=2)]
    yield [operator.itemgetter(0), operator.itemgetter("a", "b")]
    yield [
        getattr(operator, name)
        for name in dir(operator)
        if not name.startswith("_")
        and name not in ("attrgetter", "methodcaller", "call")
        and not isinstance(getattr(operator, name), type(sys))
    ]
    yield [getattr(__import__("math"), name) for name in dir(__import__("math"))]
    yield [
        each
        for each in vars(__import__("statistics")).values()
        if callable(each) and getattr(each, "__module__", "") == "statistics"
    ]
    yield [pathlib.PurePosixPath("a"), pathlib.PurePath("a"), pathlib.Path("a"), pathlib.Path]
    yield pathlib.PureWindowsPath("a")
    yield types.SimpleNamespace(a=1)
    yield lambda: types.MappingProxyType
    yield lambda: list[int]
    yield __import__("array").array("d", [1.0])
    yield __import__("time").gmtime(0)
    yield __import__("ipaddress").ip_address("127.0.0.1")
    yield [__import__("abc").ABC, __import__("abc").ABCMeta]
    import numbers
    import typing

    yield [getattr(numbers, name) for name in numbers.__all__]
    yield [getattr(collections.abc, name) for name in collections.abc.__all__]
    yield [getattr(typing, name) for name in typing.__all__ if name[0].isupper()]
    yield lambda: typing.Optional[int]
    yield lambda: list[int]
    yield lambda: typing.Union[int, str]
    yield lambda: typing.Callable[[int], str]
    yield lambda: dict[str, typing.Any]
    yield [enum.Enum, enum.IntEnum, enum.Flag, enum.IntFlag]
    yield lambda: enum.auto()
    yield [inspect.signature(lambda x, y=1: x), inspect.Parameter.empty]
    import itertools

    yield itertools.count(3)
    for name in ("chain", "cycle", "repeat", "islice", "product", "permutations"):
        yield getattr(itertools, name)
    import logging

    yield [logging.getLogger("x"), logging.getLogger()]
    yield [logging.Logger, logging.NullHandler]
    import string

    yield [string.punctuation, string.Template("x"), string.capwords]
    yield lambda: __import__("zoneinfo").ZoneInfo("Europe/Paris")
    yield __import__("dataclasses").dataclass if sys.version_info >= (3, 7) else 1
    yield lambda: __import__("dataclasses").MISSING
    import html
    import textwrap
    import unicodedata
    import urllib.parse as urls

    yield [
        html.unescape,
        html.escape,
        textwrap.dedent,
        unicodedata.normalize,
        re.escape,
        re.sub,
        re.findall,
        re.split,
        re.match,
        re.search,
        re.fullmatch,
        json.dumps,
        json.loads,
        urls.quote,
        urls.unquote,
        urls.urlparse,
        urls.urlsplit,
        uuid.uuid4,
    ]
    yield [__import__("copy").copy, __import__("copy").deepcopy]
    for kind in (str, bytes, list, dict, set, float, int, tuple):
        yield kind


METHODS = {
    str: "capitalize casefold center count endswith expandtabs find index isalnum isalpha isdecimal"
    " isdigit isidentifier islower isnumeric isspace istitle isupper join ljust lower lstrip"
    " partition replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith"
    " strip swapcase title translate upper zfill encode removeprefix removesuffix",
    bytes: "decode hex lower upper strip split",
    dict: "get keys values items copy fromkeys",
    list: "index count copy",
    set: "union intersection difference issubset issuperset copy",
    frozenset: "union intersection difference issubset issuperset copy",
    float: "is_integer hex fromhex",
    int: "bit_length from_bytes to_bytes",
    tuple: "index count",
}


def methods():
    """Methods of Python's own types: ``getattr(str, "lower")`` in a pickle."""
    for kind, names in METHODS.items():
        for name in names.split():
            note(f"builtins.{kind.__name__}.{name}", HOLD)
    return iter(())
