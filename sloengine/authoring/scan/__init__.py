"""One pass over many traces, for those who want to know what is in them.

In: traces from files or from the spool of a store, and a set of definitions. Out: calls to
watchers: for each span as it came, and for each trace once it is whole or memory is short.
Guaranteed: memory is bounded whatever is read; malformed parts are counted and passed over; nothing
is written, and no engine is disturbed.
"""

from sloengine.authoring.scan.scan import Scanned, SeenSpan, SeenTrace, Watcher, scan
from sloengine.authoring.scan.sources import Arrived, FileTraces, SpoolTraces, TraceInput

__all__ = [
    "Arrived",
    "FileTraces",
    "Scanned",
    "SeenSpan",
    "SeenTrace",
    "SpoolTraces",
    "TraceInput",
    "Watcher",
    "scan",
]
