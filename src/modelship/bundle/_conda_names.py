"""What conda packages are called on PyPI.

A conda name that is in none of these tables is not taken as that of a package on PyPI: a name that
happens to exist there too may be another package, or not be registered yet, and its owner would
then run code in the service.
"""

from __future__ import annotations

__all__ = [
    "CONDA_TO_PYPI",
    "MORE_PARTS",
    "NOT_NEEDED",
    "NOT_NEEDED_BEGINNINGS",
    "PROGRAMS",
    "SAME_NAME",
]

CONDA_TO_PYPI = {
    "brotli-python": "brotli",
    "dask-core": "dask",
    "docker-py": "docker",
    "faiss": "faiss-cpu",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "numpy-base": "numpy",
    "opencv": "opencv-python-headless",
    "psycopg2": "psycopg2-binary",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "pyarrow-core": "pyarrow",
    "pysoundfile": "soundfile",
    "pytables": "tables",
    "python-blosc": "blosc",
    "python-build": "build",
    "python-confluent-kafka": "confluent-kafka",
    "python-duckdb": "duckdb",
    "python-fastjsonschema": "fastjsonschema",
    "python-flatbuffers": "flatbuffers",
    "python-graphviz": "graphviz",
    "python-hdfs": "hdfs",
    "python-installer": "installer",
    "python-kaleido": "kaleido",
    "python-lmdb": "lmdb",
    "python-tzdata": "tzdata",
    "python-xxhash": "xxhash",
    "python-zstd": "zstd",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "qdldl-python": "qdldl",
    "ray-core": "ray",
    "ray-default": "ray",
    "redis-py": "redis",
    "seaborn-base": "seaborn",
    "soxr-python": "soxr",
    "tensorflow-base": "tensorflow",
    "tensorflow-gpu": "tensorflow",
    "torchtriton": "triton",
    "trino-python-client": "trino",
    "uvicorn-standard": "uvicorn[standard]",
}
"""Conda names whose PyPI name differs."""

MORE_PARTS = frozenset({"opencv-python-headless"})
"""PyPI names whose releases there have one part more than conda's: 4.9.0.80 is conda's 4.9.0."""

NOT_NEEDED = frozenset(
    """
    _libgcc_mutex _openmp_mutex _py-xgboost-mutex _tflow_select alsa-lib anaconda-anon-usage
    anaconda-client anaconda-navigator anaconda-project aom appnope arrow-cpp attr backports
    blas blosc boost boost-cpp brotli brotli-bin bwidget bzip2 c-ares c-blosc2 ca-certificates
    cairo cctools cfitsio charls clyent conda conda-build conda-content-trust conda-index
    conda-libmamba-solver conda-pack conda-package-handling conda-package-streaming conda-token
    console-shortcut cpuonly cyrus-sasl dav1d dbus double-conversion expat fontconfig freetype
    freexl fribidi gcc-impl-linux-64 gdk-pixbuf geos gettext gflags giflib glib glib-tools glog
    gmp gnutls graphite2 gst-plugins-base gstreamer gtk2 gtk3 gts harfbuzz hdf4 hdf5
    hicolor-icon-theme icc-rt icu imath intel-openmp isa-l jasper jbig jpeg json-c jxrlib kealib
    kernel-headers-linux-64 keyutils krb5 lame lcms2 ld-impl-linux-64 leptonica lerc level-zero
    libblas libcblas libffi libgcc libgcc-ng libgfortran libgfortran-ng libgfortran4
    libgfortran5 libgomp liblapack libmambapy libopenblas libopencv libsqlite libstdcxx
    libstdcxx-ng libuuid libzlib llvm-openmp lz4-c lzo mamba menuinst minizip mkl mkl-fft
    mkl-random mkl-service mpc mpfr mpg123 msys2-conda-epoch mysql-common mysql-libs
    navigator-updater nccl ncurses nettle nlohmann-json nomkl nspr nss ntl onednn openblas
    openh264 openjpeg openldap openssl orc p11-kit pango pcre pcre2 pip pixman poppler-data
    postgresql proj pthread-stubs pycosat pyqt pyqt5-sip pyqtwebengine pyside2 pyside6
    python-abi python-gil pytorch-cuda pytorch-mutex pywin32 pywinpty qhull qt qt-main
    qt-webengine qt6-main rav1e rdma-core re2 readline s2n s2n-bignum sip sleef snappy spdlog
    sqlite svt-av1 sysroot-linux-64 tbb tbb4py tiledb tk tktable tzcode tzdata ucrt ucx unixodbc
    uriparser utf8proc vc vc14-runtime vcomp14 vs2015-runtime wayland win-inet-pton wincertstore
    winpty x264 x265 xcb-util xcb-util-cursor xcb-util-image xcb-util-keysyms
    xcb-util-renderutil xcb-util-wm xerces-c xkeyboard-config xz yaml yaml-cpp zeromq zfp zlib
    zlib-ng zstd
    """.split()  # noqa: SIM905 - names read better as text
)
"""What conda itself needs to build an environment, what wheels bring along, what is of use on
Windows or macOS alone, and what draws windows, which no service does."""

NOT_NEEDED_BEGINNINGS = (
    *("aws-c-", "aws-checksums", "aws-crt-cpp", "aws-sdk-cpp", "font-ttf-", "fonts-", "ld-impl-"),
    *("m2w64-", "pyobjc-", "xorg-"),
)
"""How the names of families of such packages begin."""

PROGRAMS = {
    "ffmpeg": ("ffmpeg-python", "moviepy", "pydub"),
    "openjdk": ("h2o", "jpype1", "py4j", "pyspark", "tabula-py"),
    "poppler": ("pdf2image",),
    "r-base": ("rpy2",),
    "tesseract": ("pytesseract", "tesserocr"),
}
"""Programs that no wheel brings along, and the packages that are of no use without them."""

SAME_NAME = frozenset(
    """
    absl-py accelerate addict adjusttext adlfs adtk affine aif360 aiobotocore aiofiles
    aiohappyeyeballs aiohttp aiohttp-cors aioitertools aiosignal aiosqlite alabaster alembic
    alibi-detect altair aniso8601 annotated-types antlr4-python3-runtime anyascii anyio apispec
    appdirs applicationinsights apscheduler argcomplete argon2-cffi argon2-cffi-bindings arrow
    arviz asgiref asn1crypto astor astroid astropy astropy-iers-data asttokens astunparse
    async-lru async-timeout asyncpg atomicwrites attrs audioread authlib autogluon autograd
    automat autopep8 aws-sam-translator awscli azure-common azure-core azure-identity
    azure-keyvault-secrets azure-storage-blob azure-storage-file-datalake babel backcall backoff
    backports-functools-lru-cache backports-tarfile backports-tempfile backports-weakref
    backports-zoneinfo bayesian-optimization bcrypt beautifulsoup4 bidict binaryornot bitarray
    bitsandbytes black bleach blinker bokeh boltons boruta borutashap boto3 boto3-stubs botocore
    botorch bottleneck bqplot branca brotlipy cachecontrol cached-property cachetools camelot-py
    cartopy cassandra-driver catboost category-encoders cattrs causalml celery cerberus certifi
    cffi cfgv cfn-lint cftime chardet charset-normalizer clarabel click click-plugins
    clickhouse-connect clickhouse-driver cligj cloudpathlib cloudpickle cmdstanpy colorama
    colorcet colorlog colour-science comm confection configargparse connexion constantly
    contextily contextlib2 contourpy convertdate cookiecutter coverage cramjam croniter
    cryptography cssselect cvxopt cvxpy cx-oracle cycler cymem cython cytoolz daal4py dacite
    dash dash-bootstrap-components dash-core-components dash-html-components dash-table dask
    dask-expr dask-glm dask-image dask-jobqueue dask-ml databricks-cli databricks-sdk
    dataclasses-json datasets datashader dateparser db-dtypes deap debugpy decorator deepdiff
    defusedxml delta-spark deprecated deprecation dice-ml dill diskcache distlib distributed
    django djangorestframework dnspython docopt docstring-parser docutils dowhy dtreeviz duckdb
    ecdsa econml ecos editables einops elasticsearch eli5 email-validator emoji entrypoints
    ephem et-xmlfile evaluate exceptiongroup execnet executing explainerdashboard fairlearn
    faiss-cpu faker fastai fastapi fastavro fastcache fastcore fasteners fastparquet
    fastprogress fastrlock feature-engine featuretools feedparser ffmpeg-python filelock
    filetype findspark fiona fire flake8 flaml flask flask-compress flask-cors flask-login
    flask-restful flask-sqlalchemy flask-wtf flit-core folium fonttools formulaic fqdn freezegun
    frozendict frozenlist fs fsspec ftfy funcy future fuzzywuzzy fvcore gast gcsfs gensim
    geojson geopandas geopy gevent gitdb gitpython glob2 gluonts gmpy2 google-api-core
    google-auth google-auth-oauthlib google-cloud-bigquery google-cloud-bigquery-storage
    google-cloud-core google-cloud-storage google-crc32c google-pasta google-resumable-media
    googleapis-common-protos gpytorch gradio graphene graphql-core great-expectations greenlet
    grpcio grpcio-status gunicorn gym gymnasium h11 h2 h2o h5py hatchling hdbscan heapdict
    hijri-converter hmmlearn holidays holoviews html5lib httpcore httptools httpx
    huggingface-hub humanize hvplot hydra-core hyperlink hyperopt hypothesis identify idna ijson
    imagecodecs imageio imageio-ffmpeg imagesize imbalanced-ensemble imbalanced-learn implicit
    importlib-metadata importlib-resources impyla incremental inference-schema inflect
    inflection influxdb-client iniconfig intake interpret interpret-core iopath ipyevents
    ipykernel ipyleaflet ipympl ipyparallel ipython ipython-genutils ipyvue ipyvuetify
    ipywidgets isodate isoduration isort itemadapter itemloaders iterative-stratification
    itsdangerous jaraco-classes jaraco-context jaraco-functools jax jaxlib jdcal jedi jeepney
    jellyfish jinja2 jmespath joblib jpype1 json5 jsonlines jsonnet jsonpatch jsonpickle
    jsonpointer jsonref jsonschema jsonschema-path jsonschema-specifications jupyter
    jupyter-cache jupyter-client jupyter-console jupyter-core jupyter-events jupyter-lsp
    jupyter-server jupyter-server-fileid jupyter-server-terminals jupyter-server-ydoc
    jupyter-ydoc jupyterlab jupyterlab-myst jupyterlab-pygments jupyterlab-server
    jupyterlab-widgets jupytext kafka-python kaggle keras keras-applications keras-preprocessing
    keras-tuner keyring kiwisolver kmodes knack koalas kombu korean-lunar-calendar langcodes
    langdetect lazy-loader lazy-object-proxy levenshtein libarchive-c libcst libnacl libpysal
    librosa librouteros libtmux libusb1 lifelines lightfm lightgbm lightning lightning-utilities
    lime line-profiler linear-operator linearmodels linkify-it-py livereload llvmlite locket
    loguru lunarcalendar lxml lxml-html-clean lz4 mako mapclassify mapie markdown markdown-it-py
    markupsafe marshmallow mashumaro matplotlib matplotlib-inline maturin mccabe mdit-py-plugins
    mdurl memory-profiler meson-python missingno mistune mizani ml-dtypes mlflow mlflow-skinny
    mlforecast mljar-supervised mlxtend mock more-itertools moto moviepy mpmath msal
    msal-extensions msgspec multidict multipledispatch multiprocess munch munkres murmurhash
    mypy mypy-extensions mysql-connector-python mysqlclient myst-nb myst-parser narwhals natsort
    nbclassic nbclient nbconvert nbdime nbformat nbsphinx neo4j nest-asyncio netcdf4 networkx
    neuralprophet ngboost nlpaug nltk nodeenv nose notebook notebook-shim numba numbagg
    numcodecs numexpr numpy numpy-financial numpy-groupies numpydoc numpyro nvidia-ml-py
    oauthlib ocrmypdf odfpy omegaconf onnx onnxruntime open-clip-torch openai
    openapi-spec-validator opencensus opencensus-context openpyxl opensearch-py
    opentelemetry-api opentelemetry-sdk opt-einsum optbinning optree optuna oracledb orjson osqp
    overrides packaging pandas pandas-datareader pandas-gbq pandas-profiling pandas-stubs
    pandera pandocfilters panel papermill param parsel parso partd passlib pathable pathlib2
    pathspec pathtools pathy patsy pbr pdf2image pdfminer-six pdfplumber pdm-backend peewee peft
    pendulum pep8 pexpect phik pickleshare pika pillow pingouin pint pip-tools pipdeptree pkce
    pkginfo pkgutil-resolve-name plac platformdirs plotly plotnine pluggy ply pmdarima
    poetry-core polars polyfactory pooch portalocker pre-commit preshed prettytable prince
    proglog prometheus-client prometheus-flask-exporter prompt-toolkit propcache prophet protego
    proto-plus protobuf psutil psycopg psycopg2-binary psycopg2cffi ptyprocess pure-eval
    puremagic py py-spy py4j pyahocorasick pyarrow pyasn1 pyasn1-modules pycaret pyclipper
    pyclustering pycodestyle pycparser pycryptodome pycryptodomex pyct pycurl pydantic
    pydantic-core pydantic-settings pydeck pydispatcher pydocstyle pydot pydub pyerfa pyfftw
    pyfiglet pyflakes pygam pygments pyhamcrest pyhive pyjwt pykwalify pylint pylint-venv
    pyls-spyder pymc pymeeus pymongo pymssql pymupdf pymysql pynndescent pynvml pyod pyodbc
    pyopenssl pyparsing pypdf pypdf2 pyperclip pyproj pyproject-hooks pyquaternion pyreadline3
    pyreadr pyreadstat pyro-ppl pyrsistent pyshp pysocks pyspark pystan pytensor pytesseract
    pytest pytest-cov pytest-mock pytest-runner pytest-xdist python-crfsuite python-dateutil
    python-docx python-dotenv python-engineio python-jose python-json-logger python-levenshtein
    python-lsp-black python-lsp-jsonrpc python-lsp-server python-multipart python-pptx
    python-rapidjson python-slugify python-snappy python-socketio pytimeparse pytoolconfig
    pytorch-lightning pytorch-tabnet pytz pyu2f pyviz-comms pywavelets pyxdg pyxlsb pyyaml pyzmq
    qstylizer qtawesome qtconsole qtpy quantities querystring-parser queuelib rapidfuzz rasterio
    rasterstats ray rdkit readme-renderer referencing regex reportlab requests requests-file
    requests-oauthlib requests-toolbelt resampy responses retrying rfc3339-validator rfc3986
    rfc3986-validator rich rich-click river rope rouge-score rpds-py rpy2 rsa rtree ruamel-yaml
    ruamel-yaml-clib ruff ruptures s3fs s3path s3transfer sacrebleu sacremoses safetensors
    schema scikeras scikit-base scikit-image scikit-learn scikit-learn-extra
    scikit-learn-intelex scikit-optimize scikit-plot scikit-surprise scikit-survival scipy
    scrapy scs seaborn secretstorage selenium semver send2trash sentence-transformers
    sentencepiece sentry-sdk service-identity setproctitle setuptools setuptools-rust
    setuptools-scm shap shapely shellingham simple-websocket simplejson simpy singledispatch six
    skl2onnx sklearn-crfsuite sklearn-pandas skops skorch sktime smart-open smmap snakeviz
    sniffio snowballstemmer snowflake-connector-python snowflake-snowpark-python
    snowflake-sqlalchemy snuggs sortedcollections sortedcontainers soupsieve spacy
    spacy-alignments spacy-legacy spacy-loggers spacy-transformers sparse sphinx
    sphinx-rtd-theme sphinxcontrib-applehelp sphinxcontrib-devhelp sphinxcontrib-htmlhelp
    sphinxcontrib-jsmath sphinxcontrib-qthelp sphinxcontrib-serializinghtml spyder-kernels
    sqlalchemy sqlalchemy-utils sqlite-utils sqlmodel sqlparse srsly stack-data starlette
    statsforecast statsmodels streamlit stringcase structlog stumpy sympy tabula-py tabulate
    tblib tenacity tensorboard tensorboard-data-server tensorboard-plugin-wit tensorboardx
    tensordict tensorflow tensorflow-cpu tensorflow-datasets tensorflow-estimator tensorflow-hub
    tensorflow-metadata tensorflow-probability tensorflow-text termcolor terminado tesserocr
    testpath text-unidecode textblob textdistance tf2onnx thefuzz thinc threadpoolctl
    three-merge thrift tifffile timm tinycss2 tldextract tokenizers toml tomli tomli-w tomlkit
    toolz toposort torchaudio torchdata torchmetrics torchtext torchvision tornado tpot tqdm
    traitlets transformers treeinterpreter treelite trimesh triton tsfresh tslearn twisted
    typeguard typer types-python-dateutil types-requests typing-extensions typing-inspect
    typing-inspection typing-utils tzlocal uc-micro-py ujson umap-learn uncertainties unicodecsv
    unidecode universal-pathlib unyt uri-template urllib3 userpath utilsforecast uvicorn uvloop
    vadersentiment validators versioneer virtualenv visions voila w3lib waitress wandb wasabi
    watchdog watchfiles wcwidth weasel weasyprint webargs webcolors webencodings
    websocket-client websockets werkzeug wget whatthepatch wheel widgetsnbextension wordcloud
    wrapt wsproto wurlitzer xarray xarray-einstats xformers xgboost xlrd xlsxwriter xlwt
    xmlschema xmltodict xyzservices yacs yapf yarl ydata-profiling yellowbrick yfinance zarr
    zeep zict zipp zope-event zope-interface zstandard
    """.split()  # noqa: SIM905 - names read better as text
)
"""Conda names that are the same package under the same name on PyPI."""
