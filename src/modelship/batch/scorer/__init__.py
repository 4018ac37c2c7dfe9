"""The scoring process: calls a script's run() with rows in shared memory, in its environment.

A copy of it runs there, next to a copy of :mod:`modelship.server`: it needs only these, the
standard library, and numpy if the script takes arrays.
"""
