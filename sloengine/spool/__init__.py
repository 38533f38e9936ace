"""The spool: a durable queue of accepted requests, and the short-term store of their traces.

Comes in: a request's bytes as they came over the wire, with its trace ids.
Goes out: the same bytes by position, in order, or by trace id.

Guaranteed (docs/format/spool.md says how, byte by byte):

- A frame for which `wait_durable` returned survives `kill -9` and power loss.
- Positions only rise, and name the same frame for ever.
- Damaged bytes are stepped over, kept in `quarantine/`, and counted; never an endless crash.
- A failed or full disk stops acceptance with `RetryError`, and is left again without a restart.
- The disk budget holds: the oldest committed segments go first.
"""

from sloengine.spool.ahead import ahead
from sloengine.spool.filesystem import FileSystem
from sloengine.spool.frame import FRAME_HEADER, Encoding, Frame
from sloengine.spool.index import TraceIds
from sloengine.spool.index_keeper import TraceIdsOf
from sloengine.spool.judged import FilterMaker, TraceFilter
from sloengine.spool.segment import SEGMENT_HEADER
from sloengine.spool.settings import SEGMENT_BYTES
from sloengine.spool.snapshot import SpoolSnapshot
from sloengine.spool.spool import Spool
from sloengine.spool.statistics import SpoolStatistics
from sloengine.spool.waiting import Waiter, answer

__all__ = [
    "FRAME_HEADER",
    "SEGMENT_BYTES",
    "SEGMENT_HEADER",
    "Encoding",
    "FileSystem",
    "FilterMaker",
    "Frame",
    "Spool",
    "SpoolSnapshot",
    "SpoolStatistics",
    "TraceFilter",
    "TraceIds",
    "TraceIdsOf",
    "Waiter",
    "ahead",
    "answer",
]
