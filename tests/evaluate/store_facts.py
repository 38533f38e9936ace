"""One fact of the checkout of a plan."""

from __future__ import annotations

from sloengine.definitions import Plan
from sloengine.store import Fact


def fact_at(trace_id: int, end_ns: int, *, good: bool, tier: str, plan: Plan) -> Fact:
    return Fact(
        trace_id=trace_id,
        entry_span_id=1,
        entry_kind=2,
        transaction="checkout",
        definition=plan.transactions[0].definition,
        revision=plan.revision,
        start_ns=end_ns - 10**9,
        end_ns=end_ns,
        outcome="good" if good else "failed",
        reason="" if good else "failed",
        incomplete=False,
        customer=None,
        session=None,
        intent=None,
        amount_micros=None,
        currency=None,
        dimensions={"tier": tier},
    )
