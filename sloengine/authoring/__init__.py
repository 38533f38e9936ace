"""Help for those who write definitions.

In: definitions, and traces at hand (files, a store). Out: what a person or an editor reads: test
results, differences, proposals, explanations. Guaranteed: nothing here notifies anybody or touches
the running engine's counters.
"""
