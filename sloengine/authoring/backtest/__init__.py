"""One set of definitions over traces that are at hand: what would it have said?

In: a `Plan`, and traces: OTLP files, or the spool of a store, also while an engine writes it. Out:
an evaluation at the last event, and how much of each window the traces cover. Guaranteed: the same
stages as the running engine, in a store of their own; the engine's store, spool and counters are
never touched, and nobody is notified.
"""

from sloengine.authoring.backtest.history import History, covered_share, in_words, share_in_words
from sloengine.authoring.backtest.run import Backtest, backtest
from sloengine.authoring.backtest.sources import SpoolTraces, open_traces

__all__ = [
    "Backtest",
    "History",
    "SpoolTraces",
    "backtest",
    "covered_share",
    "in_words",
    "open_traces",
    "share_in_words",
]
