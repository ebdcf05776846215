"""Measurements of prepare-root beside the real peers; `scripts/bench` runs them all.

`sizes`, `preparation`, `instructions` and `startup` measure, one thing each; `table` holds
the results and prints them; `page` writes docs/bench.md.  `c/` has the programs that are
compiled for it.  Nothing here asserts a result: CI tests that the tools measure what they say.
"""
