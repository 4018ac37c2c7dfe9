"""The scoring server: Azure ML's scoring contract at a fraction of the cost.

It runs inside the serving environment, where a copy of this folder is named
``modelship_server``, and imports nothing else of modelship::

    python -m modelship_server --entry_script score.py --port 5001

To start it by hand, run ``python -m modelship.server``. Modules of the settings::

    options         the table of settings; arguments: the command line
    settings        the settings of a server, read with that table
    command         the checks of their files, and the first lines of the log

Modules of a request::

    protocol        one connection: http_parsing parses the requests, each is an exchange
    connections     all connections: their number, the memory of their bodies, their timeouts
    application     the key check, and all routes but scoring
    worker_service  the shared state of the connections: keys, queue limit, counters, log, drain
    conductor       where run() runs, and when its responses are sent
    scorer          scores one request; typed: scores arrays, and several requests in one call
    entry_script    the entry script: init(), and run() in its three input styles
    offered_submodules    what the script finds of packages, as in Azure ML's server
    http_contract   requests and responses

Modules of the processes::

    supervisor      owns the port and the signals; runs no user code
    pool            the forked processes of one process, which it replaces
    host            loads the script and its model once, and forks the workers
    worker          one event loop with one run()

The contract is that of Azure ML: docs/reference/scoring-server.md lists the improvements.
"""

VERSION = "1.0"

__all__ = ["VERSION"]
