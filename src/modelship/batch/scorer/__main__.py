"""Serve the host: ``python -m … SOCKET MEMORY``, the descriptors of a socket and of the rows."""

import sys

from .scorer_loop import serve

if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
