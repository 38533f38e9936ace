"""The store: business transactions, counts and what must survive a restart, in one DuckDB file.

In: `FactBatch` (verdicts and the spool position they make safe) and `Plan` (what to count). Out:
a `StoreReader` with one fixed statement for each number. Guaranteed: a commit is whole or absent;
counts of an indicator equal its verdicts over stored facts; a fact is counted once however often
its trace is rechecked; compaction and restarts change no sum; exported counters only rise.
The only room that opens a DuckDB connection.
"""

from sloengine.store.commit import CommitResult
from sloengine.store.dimensions import OTHER_VALUE
from sloengine.store.facts import (
    IGNORED,
    OTHER,
    OTHER_SERVICE,
    OTHER_SPAN,
    Coded,
    Fact,
    FactBatch,
    FactColumns,
    StoredTrace,
)
from sloengine.store.key import read_hash_key
from sloengine.store.reader import StoreReader
from sloengine.store.rows import (
    Correction,
    Counts,
    CountWindow,
    CourseStep,
    DefinitionCount,
    DurationHistogram,
    Exemplar,
    ExportState,
    LeftOut,
    OtherName,
    PartCount,
    ReasonCount,
    TrafficCount,
)
from sloengine.store.store import Store
from sloengine.store.trace_record import StoredVerdict, TraceRecord, trace_record

__all__ = [
    "IGNORED",
    "OTHER",
    "OTHER_SERVICE",
    "OTHER_SPAN",
    "OTHER_VALUE",
    "Coded",
    "CommitResult",
    "Correction",
    "CountWindow",
    "Counts",
    "CourseStep",
    "DefinitionCount",
    "DurationHistogram",
    "Exemplar",
    "ExportState",
    "Fact",
    "FactBatch",
    "FactColumns",
    "LeftOut",
    "OtherName",
    "PartCount",
    "ReasonCount",
    "Store",
    "StoreReader",
    "StoredTrace",
    "StoredVerdict",
    "TraceRecord",
    "TrafficCount",
    "read_hash_key",
    "trace_record",
]
