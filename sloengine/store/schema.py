"""The tables of the store, and how an older file becomes a newer one.

`MIGRATIONS[n]` turns schema n into schema n + 1, inside one transaction; a released one is never
edited. No table that grows with traffic has a PRIMARY KEY (three to four times slower). Times are
integers in nanoseconds since the epoch, UTC. Tables named `*_counts`, `*_reasons` and `export_*`
are append-only deltas: what counts is the sum over equal keys, and compaction keeps every sum.
A commit adds to most of them through one table, `count_deltas`, because each statement costs as
much as a thousand facts: `new_*` is what stands there, and `all_*`, which readers read, is both.
"""

from __future__ import annotations

_FIRST = """
CREATE TABLE store (                  -- exactly one row
    store_id VARCHAR NOT NULL,
    created_ns BIGINT NOT NULL,       -- start time of every exported counter
    key_fingerprint VARCHAR NOT NULL, -- of the file customer.key, which is not in the database
    folded_until_ns BIGINT NOT NULL,  -- counts before it stand in slots of a minute
    merged_until_ns BIGINT NOT NULL,  -- deltas of slots before it were merged
    expired_until_ns BIGINT NOT NULL  -- facts that ended before it were dropped
);
CREATE TABLE spool_position (         -- exactly one row
    position BIGINT                   -- NULL: nothing was ever committed
);
CREATE TABLE definitions (            -- a set of definitions that was applied; several over time
    revision VARCHAR NOT NULL,
    documents VARCHAR NOT NULL,
    git_commit VARCHAR,
    applied_ns BIGINT NOT NULL
);
CREATE TABLE indicators (             -- an indicator that was ever counted
    indicator VARCHAR NOT NULL,
    active BOOLEAN NOT NULL,          -- whether commits count it now
    since_ns BIGINT NOT NULL          -- when it was last (re)counted from stored facts
);
CREATE TABLE fact_kinds (             -- what many facts have in common
    kind INTEGER NOT NULL,
    entry_kind UTINYINT NOT NULL,
    transaction VARCHAR NOT NULL,
    definition VARCHAR NOT NULL,
    revision VARCHAR NOT NULL,
    outcome VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    incomplete BOOLEAN NOT NULL
);
CREATE TABLE facts (                  -- facts without any capture
    trace_hi UBIGINT NOT NULL,
    trace_lo UBIGINT NOT NULL,
    entry_span_id UBIGINT NOT NULL,
    kind INTEGER NOT NULL,
    start_ns BIGINT NOT NULL,
    end_ns BIGINT NOT NULL,
    origin BIGINT NOT NULL,           -- oldest frame of the spool that the verdict rests on
    committed_ns BIGINT NOT NULL
);
CREATE TABLE facts_with_captures (    -- facts with one capture at least
    trace_hi UBIGINT NOT NULL,
    trace_lo UBIGINT NOT NULL,
    entry_span_id UBIGINT NOT NULL,
    kind INTEGER NOT NULL,
    start_ns BIGINT NOT NULL,
    end_ns BIGINT NOT NULL,
    origin BIGINT NOT NULL,
    committed_ns BIGINT NOT NULL,
    customer BLOB,                    -- keyed hashes of 16 bytes
    session BLOB,
    intent BLOB,
    amount_micros BIGINT,
    currency VARCHAR,
    dimensions MAP(VARCHAR, VARCHAR) NOT NULL  -- keys ascending
);
CREATE VIEW transactions AS           -- every fact; identity: trace, entry_span_id, entry_kind
SELECT trace_hi, trace_lo, entry_span_id, entry_kind, transaction, definition, revision,
    start_ns, end_ns, outcome, reason, incomplete, customer, session, intent, amount_micros,
    currency, dimensions, origin, committed_ns
FROM (
    SELECT *, NULL::BLOB AS customer, NULL::BLOB AS session, NULL::BLOB AS intent,
        NULL::BIGINT AS amount_micros, NULL::VARCHAR AS currency,
        MAP([]::VARCHAR[], []::VARCHAR[]) AS dimensions
    FROM facts
    UNION ALL
    SELECT * FROM facts_with_captures
)
JOIN fact_kinds USING (kind);
CREATE TABLE dimension_values (       -- a value of a dimension that facts have kept
    transaction VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    value VARCHAR NOT NULL
);
CREATE TABLE corrections (            -- a stored fact that was replaced or removed
    trace_hi UBIGINT NOT NULL,
    trace_lo UBIGINT NOT NULL,
    entry_span_id UBIGINT NOT NULL,
    entry_kind UTINYINT NOT NULL,
    before_transaction VARCHAR NOT NULL,
    before_revision VARCHAR NOT NULL,
    before_end_ns BIGINT NOT NULL,
    before_outcome VARCHAR NOT NULL,
    before_reason VARCHAR NOT NULL,
    after_transaction VARCHAR,        -- these are NULL where the fact was removed
    after_revision VARCHAR,
    after_end_ns BIGINT,
    after_outcome VARCHAR,
    after_reason VARCHAR,
    at_ns BIGINT NOT NULL
);
CREATE TABLE sli_counts (             -- deltas of an indicator's counts in a slot
    indicator VARCHAR NOT NULL,
    slot_ns BIGINT NOT NULL,          -- start of the slot in which the entry spans ended
    good BIGINT NOT NULL,
    total BIGINT NOT NULL,            -- good and bad
    excluded BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    corrected BIGINT NOT NULL         -- verdicts that changed after they were first counted
);
CREATE TABLE sli_reasons (            -- deltas of an indicator's bad events
    indicator VARCHAR NOT NULL,
    slot_ns BIGINT NOT NULL,
    outcome VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    events BIGINT NOT NULL
);
CREATE TABLE traffic_counts (         -- deltas of how many facts a transaction has
    transaction VARCHAR NOT NULL,
    definition VARCHAR NOT NULL,      -- by which they were judged, as in facts
    slot_ns BIGINT NOT NULL,
    outcome VARCHAR NOT NULL,
    events BIGINT NOT NULL
);
CREATE TABLE coverage (               -- a minute in which the engine ran
    minute_ns BIGINT NOT NULL
);
CREATE TABLE engine_counters (        -- deltas of the engine's own counters
    name VARCHAR NOT NULL,
    value BIGINT NOT NULL
);
CREATE TABLE export_verdicts (        -- deltas: first verdicts of an SLO
    slo VARCHAR NOT NULL,
    result VARCHAR NOT NULL,          -- good, bad, excluded, unknown
    events BIGINT NOT NULL
);
CREATE TABLE export_corrections (     -- deltas: changed verdicts of an SLO
    slo VARCHAR NOT NULL,
    before VARCHAR NOT NULL,          -- good, bad, excluded, unknown, none
    after VARCHAR NOT NULL,
    events BIGINT NOT NULL
);
CREATE TABLE export_durations (       -- deltas: durations at first verdict
    transaction VARCHAR NOT NULL,
    outcome VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    events BIGINT NOT NULL,
    zero_events BIGINT NOT NULL,      -- durations of zero or less
    sum_ns HUGEINT NOT NULL,          -- durations below zero add nothing
    min_ns BIGINT NOT NULL,
    max_ns BIGINT NOT NULL,
    exemplar_trace_hi UBIGINT NOT NULL,
    exemplar_trace_lo UBIGINT NOT NULL,
    exemplar_span_id UBIGINT NOT NULL,
    exemplar_value_ns BIGINT NOT NULL,
    exemplar_time_ns BIGINT NOT NULL
);
CREATE TABLE export_buckets (         -- deltas: exponential histogram at scale 3, in seconds
    transaction VARCHAR NOT NULL,
    outcome VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    bucket SMALLINT NOT NULL,
    events BIGINT NOT NULL
);
CREATE TABLE count_deltas (           -- what commits added to counts, until compaction moves it
    counted VARCHAR NOT NULL,         -- traffic, indicator, verdict, bucket or counter
    name VARCHAR NOT NULL,            -- of the transaction, indicator, SLO or counter
    definition VARCHAR,               -- of traffic
    slot_ns BIGINT,
    result VARCHAR,                   -- good, bad, excluded, unknown, corrected
    outcome VARCHAR,
    reason VARCHAR,
    bucket SMALLINT,
    events BIGINT NOT NULL
);
CREATE VIEW new_sli_counts AS
SELECT name AS indicator, slot_ns,
    CASE WHEN result = 'good' THEN events ELSE 0 END AS good,
    CASE WHEN result IN ('good', 'bad') THEN events ELSE 0 END AS total,
    CASE WHEN result = 'excluded' THEN events ELSE 0 END AS excluded,
    CASE WHEN result = 'unknown' THEN events ELSE 0 END AS unknown,
    CASE WHEN result = 'corrected' THEN events ELSE 0 END AS corrected
FROM count_deltas WHERE counted = 'indicator';
CREATE VIEW new_sli_reasons AS
SELECT name AS indicator, slot_ns, outcome, reason, events
FROM count_deltas WHERE counted = 'indicator' AND result = 'bad';
CREATE VIEW new_traffic_counts AS
SELECT name AS transaction, definition, slot_ns, outcome, events
FROM count_deltas WHERE counted = 'traffic';
CREATE VIEW new_engine_counters AS
SELECT name, events AS value FROM count_deltas WHERE counted = 'counter';
CREATE VIEW new_export_verdicts AS
SELECT name AS slo, result, events FROM count_deltas WHERE counted = 'verdict';
CREATE VIEW new_export_buckets AS
SELECT name AS transaction, outcome, reason, bucket, events
FROM count_deltas WHERE counted = 'bucket';
CREATE VIEW all_sli_counts AS FROM sli_counts UNION ALL FROM new_sli_counts;
CREATE VIEW all_sli_reasons AS FROM sli_reasons UNION ALL FROM new_sli_reasons;
CREATE VIEW all_traffic_counts AS FROM traffic_counts UNION ALL FROM new_traffic_counts;
CREATE VIEW all_engine_counters AS FROM engine_counters UNION ALL FROM new_engine_counters;
CREATE VIEW all_export_verdicts AS FROM export_verdicts UNION ALL FROM new_export_verdicts;
CREATE VIEW all_export_buckets AS FROM export_buckets UNION ALL FROM new_export_buckets;
INSERT INTO spool_position VALUES (NULL);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST,)

SCHEMA_VERSION = len(MIGRATIONS)

COUNTED_TABLES = (
    "facts",
    "facts_with_captures",
    "dimension_values",
    "corrections",
    "sli_counts",
    "sli_reasons",
    "traffic_counts",
    "coverage",
    "engine_counters",
    "export_verdicts",
    "export_corrections",
    "export_durations",
    "export_buckets",
    "count_deltas",
)
"""All that grows with traffic; the other tables say what the store is and what it counts by."""
