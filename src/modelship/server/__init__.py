"""The scoring server: Azure ML's scoring contract at a fraction of the cost.

It runs inside the serving environment, where a copy of this folder is named
``modelship_server``, and imports nothing else of modelship::

    python -m modelship_server --entry_script score.py --port 5001

Started by hand it is ``python -m modelship.server``. What it is told::

    options      the one table of settings; arguments: the command line
    settings     what was told, read by that table
    command      the files that they name, and the first lines of the log

The way of a request, module by module::

    protocol     one connection: parsing finds the requests, each is an exchange
    connections  all of them: how many, what their bodies take, which are too slow
    app          who needs a key, and the routes that are not scoring
    service      what the connections share: keys, the queue's bound, counters, the log, the drain
    conductor    where run() runs, and when its answers go out
    scoring      one request to its answer; typed: to an array, and several in one call
    script       the entry script: init(), and run() in its three kinds
    contract     what every answer has to say

and of the processes::

    supervisor   owns the port and the signals; runs no code of a user
    pool         the processes that one process has forked, and replaces
    host         loads the script and its model once, and forks the workers
    worker       one event loop with one run()

The contract is Azure ML's: docs/reference/scoring-server.md says where this server does better.
"""

VERSION = "1.0"

__all__ = ["VERSION"]
