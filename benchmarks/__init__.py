"""What the engine costs, on the machine at hand: `make bench`.

In: options alone. Out: a table for people and `build/bench.json` for programs; docs/benchmarks.md
says how to read both. Guaranteed: the engine is a real `sloengine serve`, its CPU is its own
process time, and no figure is printed of a run whose facts are not those that the generator knows.
"""
