"""Small evaluations and export states to send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from sloengine.evaluate.evaluation import BurnRate, Coverage, Evaluation, SloEvaluation
from sloengine.slo import State
from sloengine.store import DurationHistogram, Exemplar, ExportState
from sloengine.store.columns import bucket_of

START_NS = 1_750_000_000_000_000_000
AT_NS = START_NS + 3_600 * 10**9

CHECKOUT = SloEvaluation(
    slo="checkout",
    objective="",
    display_name="Orders placed well",
    description="",
    service="shop",
    transaction="checkout",
    indicator="0123456789ab",
    target=Decimal("0.995"),
    window="28d",
    start_ns=AT_NS - 28 * 86_400 * 10**9,
    end_ns=AT_NS,
    good=990,
    total=1000,
    excluded=3,
    unknown=2,
    sli=Fraction(990, 1000),
    budget_total=Fraction(5),
    budget_used=10,
    budget_remaining=Fraction(-1),
    burn_rates=(
        BurnRate("1h", 3_600 * 10**9, 99, 100, Fraction(2)),
        BurnRate("5m", 300 * 10**9, 0, 0, None),
    ),
    time_to_exhaustion_ns=None,
    state=State.MISSED,
    reasons={"failed: error": 10},
    course=(),
    observed_since_ns=START_NS,
    corrected=1,
)
NO_DATA = replace(
    CHECKOUT,
    slo="returns",
    good=0,
    total=0,
    excluded=0,
    unknown=0,
    sli=None,
    budget_total=None,
    budget_used=0,
    budget_remaining=None,
    burn_rates=(BurnRate("1h", 3_600 * 10**9, 0, 0, None),),
    state=State.NO_DATA,
    reasons={},
)


EXEMPLAR = Exemplar(0xABC << 64, 0xDEF, 1_500_000_000, START_NS + 5)
HALF = Coverage(30, 60)


def evaluation(*slos: SloEvaluation, at_ns: int = AT_NS, coverage: Coverage = HALF) -> Evaluation:
    return Evaluation(
        at_ns=at_ns,
        revision="abc",
        commit=None,
        slos=slos,
        traffic=(),
        other_names=(),
        coverage=coverage,
        late_unverifiable=0,
        not_evaluated=(),
        counters={},
        last_event_ns=None,
    )


def histogram(
    durations_ns: Sequence[int],
    *,
    transaction: str = "checkout",
    outcome: str = "good",
    reason: str = "",
    exemplar: Exemplar = EXEMPLAR,
) -> DurationHistogram:
    """A histogram of these durations, made as the store makes one."""
    clipped = [max(duration, 0) for duration in durations_ns]
    return DurationHistogram(
        transaction=transaction,
        outcome=outcome,
        reason=reason,
        events=len(durations_ns),
        zero_events=clipped.count(0),
        sum_ns=sum(clipped),
        min_ns=min(clipped),
        max_ns=max(clipped),
        buckets=Counter(bucket_of(duration) for duration in clipped if duration),
        exemplar=exemplar,
    )


def state(*durations: DurationHistogram, good: int = 990) -> ExportState:
    return ExportState(
        start_ns=START_NS,
        verdicts={
            ("checkout", "good"): good,
            ("checkout", "bad"): 10,
            ("checkout", "excluded"): 3,
            ("checkout", "unknown"): 2,
        },
        corrections={("checkout", "bad", "good"): 1},
        durations=durations,
    )
