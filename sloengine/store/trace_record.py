"""`TraceRecord`: what the store knows of one trace, as text that another process can read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

from sloengine.store.store import Store


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """One stored fact of a trace, as far as people ask for it."""

    transaction: str
    entry_span_id: int
    entry_kind: int
    outcome: str
    reason: str
    revision: str
    """Of the definitions that judged it."""


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """The stored verdicts of a trace, and the definitions that they were reached by.

    Without verdicts, the definitions are those applied last.
    """

    verdicts: tuple[StoredVerdict, ...]
    documents: str | None
    """Canonical text of the definitions; `None` where the store has it no more, or never had."""
    commit: str | None
    """The git commit of the definitions applied last."""

    def to_json(self) -> str:
        """Return the record as text, to be read again by `of_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def of_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        data = json.loads(text)
        verdicts: Sequence[dict[str, object]] = data["verdicts"]
        return cls(
            verdicts=tuple(StoredVerdict(**verdict) for verdict in verdicts),  # type: ignore[arg-type]  # as asdict wrote them
            documents=data["documents"],
            commit=data["commit"],
        )


def trace_record(store: Store, trace_id: int) -> TraceRecord:
    """Look one trace up; one pass over the ids of all facts."""
    with store.reader() as reader:
        facts = reader.trace_facts(trace_id)
    latest = store.latest_definitions()
    documents, commit = latest or (None, None)
    if facts:
        documents = store.plan_documents(facts[0].revision)
    return TraceRecord(
        verdicts=tuple(
            StoredVerdict(
                transaction=fact.transaction,
                entry_span_id=fact.entry_span_id,
                entry_kind=fact.entry_kind,
                outcome=fact.outcome,
                reason=fact.reason,
                revision=fact.revision,
            )
            for fact in facts
        ),
        documents=documents,
        commit=commit,
    )
