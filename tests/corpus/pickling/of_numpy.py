"""Things of NumPy and SciPy."""


def numpy_values():
    """Arrays of every type, scalars, random states."""
    import numpy as np

    codes = [
        "?",
        "b",
        "B",
        "h",
        "H",
        "i",
        "I",
        "l",
        "L",
        "q",
        "Q",
        "e",
        "f",
        "d",
        "g",
        "F",
        "D",
        "G",
        "S5",
        "U5",
        "V8",
        "M8[ns]",
        "M8[D]",
        "m8[s]",
        "O",
        ">f8",
        "<i4",
        ">U3",
    ]
    for code in codes:
        yield lambda code=code: np.zeros(3, code)
        yield lambda code=code: np.zeros((2, 2), code, order="F")
        yield lambda code=code: np.dtype(code)
        yield lambda code=code: np.zeros(1, code)[0]
        yield lambda code=code: np.dtype(code).type
        yield lambda code=code: type(np.dtype(code))
    record = np.dtype([("a", "f8"), ("b", "U3"), ("c", "O"), ("d", "f4", (2,))])
    yield np.zeros(2, record)
    yield record
    yield np.zeros(2, record)[0]
    yield np.rec.array(np.zeros(2, [("a", "f8"), ("b", "i4")]))
    yield np.rec.array(np.zeros(2, [("a", "f8"), ("b", "i4")]))[0]
    yield np.ma.array([1.0, 2.0], mask=[0, 1])
    yield np.ma.array([("a", 1)], dtype=[("x", "U3"), ("y", "i4")])
    yield np.ma.masked
    yield np.ma.MaskedArray
    yield lambda: np.ma.mrecords.fromarrays([np.ma.array([1, 2])], names="a")
    yield lambda: np.matrix([[1, 2]])
    yield lambda: np.char.array(["a"])
    yield lambda: np.poly1d([1, 2])
    yield lambda: np.array(["a", "bc"], dtype=np.dtypes.StringDType())
    yield lambda: np.dtypes.StringDType()
    yield np.float64(1)
    yield np.bool_(True)
    yield np.array(1.0)
    yield np.array([], dtype=object)
    yield np.array([{"a": 1}, [1], None], dtype=object)
    yield np.random.RandomState(0)
    for name in ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"]:
        yield lambda name=name: getattr(np.random, name)(0)
        yield lambda name=name: np.random.Generator(getattr(np.random, name)(0))
        yield lambda name=name: np.random.RandomState(getattr(np.random, name)(0))
    yield lambda: np.random.default_rng(0)
    yield lambda: np.random.SeedSequence(1)
    yield lambda: np.random.SeedSequence(1).spawn(1)
    yield lambda: np.random.bit_generator.SeedlessSequence()
    yield np.random.mtrand._rand
    yield [np.ndarray, np.generic, np.number, np.integer, np.floating, np.inexact, np.flexible]
    yield lambda: np.finfo("f8")
    yield lambda: np.iinfo("i4")
    yield lambda: np.vectorize(np.exp)
    yield lambda: np.lib.index_tricks.nd_grid()
    yield lambda: np.errstate(all="ignore")
    for family in ["Polynomial", "Chebyshev", "Legendre", "Hermite", "HermiteE", "Laguerre"]:
        yield lambda family=family: getattr(np.polynomial, family)([1, 2])


def scipy_values():
    """Sparse matrices, distributions, interpolators, trees."""
    import numpy as np
    import scipy.interpolate as si
    import scipy.sparse as sp
    import scipy.spatial as ss
    import scipy.stats as st

    for form in ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"]:
        yield lambda form=form: sp.random(4, 4, 0.5, format=form)
        yield lambda form=form: getattr(sp, form + "_array")(np.eye(3))
        yield lambda form=form: getattr(sp, form + "_matrix")
        yield lambda form=form: getattr(sp, form + "_array")
    values = dict(loc=1, scale=2)
    for name in sorted(dir(st)):
        found = getattr(st, name)
        if isinstance(found, (st.rv_continuous, st.rv_discrete)):
            shapes = [2] * getattr(found, "numargs", 0)
            yield found
            yield lambda found=found, shapes=shapes: found(*shapes)
            yield lambda found=found, shapes=shapes: found(*shapes, **values)
            yield type(found)
        elif type(found).__name__.endswith("_gen"):
            yield found
    yield lambda: st.norm(0, 1)
    yield lambda: st.randint(1, 5)
    yield lambda: st.rv_histogram(np.histogram([1, 2, 3.0], bins=3))
    yield lambda: st.rv_discrete(values=([1, 2], [0.5, 0.5]))
    yield lambda: st.gaussian_kde([1.0, 2.0, 4.0])
    yield lambda: st.multivariate_normal([0, 0], np.eye(2))
    yield lambda: st.dirichlet([1, 2])
    yield lambda: st.wishart(3, np.eye(2))
    yield lambda: st.ecdf([1.0, 2.0])
    for name in ["Sobol", "Halton", "LatinHypercube"]:
        yield lambda name=name: getattr(st.qmc, name)(2)
    yield lambda: st.Normal(mu=0, sigma=1)
    yield lambda: st.Uniform(a=0, b=1)
    yield lambda: st.ttest_ind([1, 2.0], [2, 3.0])
    yield lambda: st.linregress([1, 2.0, 4], [2, 3.0, 5])
    x, y = np.arange(8.0), np.arange(8.0) ** 2
    for kind in ["linear", "nearest", "cubic", "quadratic", "previous"]:
        yield lambda kind=kind: si.interp1d(x, y, kind=kind)
    for name in [
        "CubicSpline",
        "PchipInterpolator",
        "Akima1DInterpolator",
        "UnivariateSpline",
        "InterpolatedUnivariateSpline",
        "BarycentricInterpolator",
        "KroghInterpolator",
    ]:
        yield lambda name=name: getattr(si, name)(x, y)
    yield lambda: si.make_interp_spline(x, y)
    yield lambda: si.BSpline(np.arange(8.0), np.arange(4.0), 3)
    yield lambda: si.PPoly(np.ones((2, 3)), [0, 1, 2, 3.0])
    yield lambda: si.BPoly(np.ones((2, 3)), [0, 1, 2, 3.0])
    yield lambda: si.CubicHermiteSpline(x, y, y)
    yield lambda: si.splrep(x, y)
    yield lambda: si.RegularGridInterpolator((x, x), np.outer(y, y))
    yield lambda: si.RectBivariateSpline(x, x, np.outer(y, y))
    yield lambda: si.SmoothBivariateSpline(np.tile(x, 8), np.repeat(x, 8), np.tile(y, 8))
    yield lambda: si.interp2d(x, x, np.outer(y, y))
    yield lambda: si.Rbf(x, y)
    points = np.random.RandomState(0).rand(20, 2)
    yield lambda: si.RBFInterpolator(points, points[:, 0])
    yield lambda: si.LinearNDInterpolator(points, points[:, 0])
    yield lambda: si.NearestNDInterpolator(points, points[:, 0])
    yield lambda: si.CloughTocher2DInterpolator(points, points[:, 0])
    yield lambda: si.NdBSpline((np.arange(8.0),), np.arange(4.0), 3)
    yield lambda: ss.KDTree(points)
    yield lambda: ss.cKDTree(points)
    yield lambda: ss.Delaunay(points)
    yield lambda: ss.ConvexHull(points)
    yield lambda: ss.transform.Rotation.from_euler("z", 1)
    yield lambda: ss.transform.Rotation.random(3)
    yield lambda: ss.transform.Slerp([0, 1], ss.transform.Rotation.random(2))
    yield lambda: __import__("scipy.optimize").optimize.minimize(lambda v: v @ v, [1.0])
    yield lambda: __import__("scipy.optimize").optimize.linprog([1], bounds=[(0, 1)])
    yield lambda: __import__("scipy.optimize").optimize.Bounds(0, 1)
    yield lambda: __import__("scipy.optimize").optimize.LinearConstraint(np.eye(2))
    yield lambda: __import__("scipy.signal").signal.lti([1], [1, 1])
    yield lambda: __import__("scipy.signal").signal.TransferFunction([1], [1, 1], dt=0.1)
    yield lambda: __import__("scipy.signal").signal.StateSpace(1, 1, 1, 1)
    yield lambda: __import__("scipy.signal").signal.ZerosPolesGain([1], [1], 1)
    yield lambda: __import__("scipy.sparse.linalg").sparse.linalg.aslinearoperator(np.eye(2))
    yield lambda: __import__("scipy.cluster.hierarchy").cluster.hierarchy.to_tree(
        __import__("scipy.cluster.hierarchy").cluster.hierarchy.linkage(points)
    )
