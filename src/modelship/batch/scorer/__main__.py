"""Serve the host: ``python -m … SOCKET MEMORY``, the descriptors of a socket and of the rows.

Without ``MEMORY``, the script is loaded once, and processes that serve are forked on request.
"""

import sys

from .scorer_forks import fork_on_request
from .scorer_loop import serve

if __name__ == "__main__":
    descriptors = [int(each) for each in sys.argv[1:]]
    (serve if descriptors[1:] else fork_on_request)(*descriptors)
