"""Measurements of ours beside the real peers; `scripts/bench` runs them all.

`sizes`, `preparation`, `instructions` and `startup` measure prepare-root, one thing each,
and `verbs` measures bootentries; `table` holds the results and prints them; `page` and
`verbs_page` write docs/bench.md.  `c/` has the programs that are
compiled for it.  Nothing here asserts a result: CI tests that the tools measure what they say.
"""
