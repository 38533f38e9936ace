"""The two questions that people ask: about a trace in the store, and about a trace in a file."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

from sloengine.authoring.explain.build import explain
from sloengine.authoring.explain.model import Explanation
from sloengine.authoring.explain.sources import FoundTrace, stored_trace, trace_of_file
from sloengine.authoring.explain.spans import collect_trace
from sloengine.definitions import Plan, load_definitions, load_text
from sloengine.ottl import ConditionTable
from sloengine.store import IGNORED, OTHER, StoredVerdict, read_hash_key


def explain_file(path: Path, definitions: Path, *, wanted: int | None = None) -> Explanation:
    """Explain a trace of a file by a folder of definitions.

    Raises:
        PermanentError: as `trace_of_file`.
        DefinitionsError: the definitions have errors.
    """
    plan = load_definitions(definitions).plan
    # The reader has the values already, so they are shown; a hash that nobody can compare is not.
    key = secrets.token_bytes(32)
    return _explained(trace_of_file(path, wanted), plan, key, reveal=True)


def explain_stored(
    directory: Path, trace_id: int, configured: Path, *, definitions: Path | None = None
) -> Explanation:
    """Explain a trace of a store by the definitions that judged it, or by other `definitions`.

    `configured` are those that the engine would load: they are taken where the store has none.

    Raises:
        StoreError, PermanentError: as `stored_trace`.
        DefinitionsError: the definitions have errors.
    """
    found, record = stored_trace(directory, trace_id)
    if definitions is None and record.documents is not None:
        plan = load_text(record.documents)
        if not record.verdicts:
            plan = replace(plan, commit=record.commit)
    else:
        plan = load_definitions(definitions or configured).plan
    key = read_hash_key(directory) or secrets.token_bytes(32)
    explanation = _explained(found, plan, key, reveal=False)
    note = _compared(explanation, record.verdicts)
    return replace(explanation, notes=(*explanation.notes, note))


def _explained(found: FoundTrace, plan: Plan, key: bytes, *, reveal: bool) -> Explanation:
    table = ConditionTable(plan.fields, plan.conditions)
    collected = collect_trace(plan, table, found.payloads, found.trace_id)
    return explain(
        plan,
        table,
        found.trace_id,
        collected.rows,
        key=key,
        statuses=collected.statuses,
        copies=collected.copies,
        reveal=reveal,
        notes=found.notes,
    )


def _compared(explanation: Explanation, stored: tuple[StoredVerdict, ...]) -> str:
    """Say whether the store holds the same verdicts."""
    if not stored:
        return (
            "Nothing is stored of this trace: it still waits to be judged, or nothing in it counts"
        )
    spans = explanation.spans
    here = {
        (item.transaction, spans[item.entry].span_id, item.outcome, item.reason)
        for item in explanation.transactions
    }
    there = {
        (item.transaction, item.entry_span_id, item.outcome, item.reason)
        for item in stored
        if item.transaction not in (OTHER, IGNORED)
    }
    revision = stored[0].revision
    if here == there:
        return f"The store holds the same, judged by revision {revision}"
    listed = ", ".join(
        f"{item.transaction} {item.outcome} {item.reason}".strip()
        for item in sorted(stored, key=lambda item: (item.transaction, item.entry_span_id))
    )
    if revision != explanation.revision:
        why = f"by revision {revision}, and this is revision {explanation.revision}"
    else:
        why = "from the spans that it had then; late spans are judged within a second"
    return f"The store holds: {listed}; {why}"
