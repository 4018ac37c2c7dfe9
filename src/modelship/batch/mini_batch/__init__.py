"""Scripts with Azure's ``run(mini_batch)``, and the pool of processes that calls them.

It needs only the standard library: a copy of this folder runs in the environment of a script,
whose own pandas makes DataFrames.
"""
