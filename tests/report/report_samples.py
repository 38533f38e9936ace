"""Evaluations to render: consistent with themselves, and as hostile as asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from sloengine.evaluate.evaluation import (
    Amount,
    Breakdown,
    BudgetDay,
    BurnRate,
    Coverage,
    Evaluation,
    Money,
    Part,
    SloEvaluation,
    TrafficShare,
)
from sloengine.report.moments import DAY_NS
from sloengine.slo import burn_rate, error_budget, sli, state, time_to_exhaustion

HOUR_NS = 3_600 * 10**9
AT_NS = 1_795_392_000 * 10**9
"""2026-11-23T00:00:00Z."""
WINDOW_NS = 28 * DAY_NS
HOSTILE = (
    '</script><script>document.title="owned"</script>"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://evil.example")',
    "\x1b]0;owned\x07\x1b[31mred\u202egnp.exe\x9b2J\r\nfake line",
    "[click](http://evil.example) @everyone `code` | cell | <b>bold</b>",
    "\ud800 lone, \u2028 line, \0 nul",
    "{{ 7 * 7 }}{% raw %}",
)


def promise(
    slo: str = "checkout-experience",
    *,
    target: str = "0.995",
    good: int = 182_783,
    total: int = 184_210,
    objective: str = "",
    transaction: str = "checkout",
    display_name: str = "an order goes through within 4 s",
    reasons: Mapping[str, int] | None = None,
    course: Sequence[tuple[int, int]] | None = None,
    unknown: int = 0,
    observed_since_ns: int | None = AT_NS - 2 * WINDOW_NS,
    description: str = "",
    owner: str = "",
) -> SloEvaluation:
    """One objective with `good` of `total`; its course is even unless (good, total) are given."""
    exact = Decimal(target)
    budget = error_budget(good, total, exact)
    hour = burn_rate(299, 300, exact) if total else None
    steps = course if course is not None else even(good, total)
    return SloEvaluation(
        slo=slo,
        objective=objective,
        display_name=display_name,
        description=description,
        service="shop",
        transaction=transaction,
        indicator="0123456789ab",
        target=exact,
        window="28d",
        start_ns=AT_NS - WINDOW_NS,
        end_ns=AT_NS,
        good=good,
        total=total,
        excluded=7,
        unknown=unknown,
        sli=sli(good, total),
        budget_total=budget.total if budget else None,
        budget_used=total - good,
        budget_remaining=budget.remaining if budget else None,
        burn_rates=(
            BurnRate("1h", HOUR_NS, 299 if total else 0, 300 if total else 0, hour),
            BurnRate("6h", 6 * HOUR_NS, 0, 0, None),
        ),
        time_to_exhaustion_ns=time_to_exhaustion(budget.remaining, hour, WINDOW_NS)
        if budget
        else None,
        state=state(good, total, exact),
        reasons=reasons if reasons is not None else ({"failed: error": total - good}),
        course=tuple(
            BudgetDay(
                AT_NS - DAY_NS * (len(steps) - i), AT_NS - DAY_NS * (len(steps) - i - 1), g, t
            )
            for i, (g, t) in enumerate(steps)
        ),
        observed_since_ns=observed_since_ns,
        corrected=41,
        position="slo-definitions/checkout.yaml:31",
        annotations={"owner": owner} if owner else None,
    )


def even(good: int, total: int, steps: int = 28) -> list[tuple[int, int]]:
    """Split counts evenly over steps; they sum to the whole."""
    bad = total - good
    split = [
        (total // steps + (i < total % steps), bad // steps + (i < bad % steps))
        for i in range(steps)
    ]
    return [(t - b, t) for t, b in split]


def evaluation(
    *slos: SloEvaluation,
    coverage: tuple[int, int] = (40_180, 40_320),
    other_names: Sequence[tuple[str, str, int]] = (("frontend", "GET /sitemap.xml", 40_100),),
) -> Evaluation:
    """An evaluation of these promises, with some unmapped and ignored traffic."""
    return Evaluation(
        at_ns=AT_NS,
        revision="9f3c2ab01234",
        commit=None,
        slos=slos,
        traffic=(
            TrafficShare("browse", 4_812_400, {"good": 4_798_938, "failed": 13_462}),
            TrafficShare("other", 47_100, {"unknown": 47_100}),
            TrafficShare("ignored", 1_220, {"unknown": 1_220}),
        ),
        other_names=tuple(other_names),
        coverage=Coverage(*coverage),
        late_unverifiable=0,
        not_evaluated=(),
        counters={"spans.accepted": 12},
        last_event_ns=AT_NS - 5 * 10**9,
    )


def missed() -> SloEvaluation:
    """A promise that was broken."""
    return promise(reasons={"failed: payment": 702, "slow: slow": 633, "abandoned: left": 92})


def met() -> SloEvaluation:
    """A promise that was kept, with bad events."""
    return promise(
        "browse-experience",
        target="0.99",
        good=4_798_938,
        total=4_812_400,
        transaction="browse",
        display_name="a page within 1.5 s",
    )


def flawless() -> SloEvaluation:
    """A promise without a bad event, watched for three days."""
    return promise(
        "checkout-branch",
        good=212,
        total=212,
        reasons={},
        course=[(0, 0)] * 25 + [(70, 70), (70, 70), (72, 72)],
        observed_since_ns=AT_NS - 3 * DAY_NS,
    )


def silent() -> SloEvaluation:
    """A promise without any event."""
    return promise(
        "returns-experience",
        target="0.95",
        good=0,
        total=0,
        transaction="returns",
        reasons={},
        observed_since_ns=None,
    )


def part(slo: SloEvaluation, value: str, bad: int, total: int, money: Money | None = None) -> Part:
    """A value of a dimension of `slo`."""
    budget = slo.budget_total
    return Part(
        value=value,
        good=total - bad,
        total=total,
        excluded=0,
        unknown=1,
        share_of_bad=Fraction(bad, slo.budget_used) if slo.budget_used else None,
        budget_used=bad / budget if budget else None,
        money=money,
    )


def by_tier(slo: SloEvaluation, *values: str) -> SloEvaluation:
    """The promise by tier: `values`, `__other__`, and what was counted before facts were kept."""
    money = Money((Amount("EUR", 40, 1_234_500_000, 1_200_000_000),), 2, 3, 0)
    both = Money((*money.amounts, Amount(None, 1, -5_000_000, 0)), 2, 3, 7)
    each = slo.budget_used // (len(values) + 2)
    parts = [part(slo, value, each, 2 * each + i, money) for i, value in enumerate(values)]
    parts.append(part(slo, "__other__", 0, 0, Money((), 0, 0, 0)))
    told = sum(one.total for one in parts)
    bad = slo.budget_used - sum(one.bad for one in parts)
    return replace(
        slo,
        facts_since_ns=slo.start_ns + DAY_NS,
        dimensions=("tier",),
        money=both,
        by=Breakdown(
            "tier",
            limit=len(values),
            values=len(values) + 4,
            is_capped=True,
            parts=tuple(parts),
            untold=part(slo, "", bad, slo.total - told),
        ),
    )


def hostile(text: str) -> Evaluation:
    """An evaluation in which every string that others write is `text`."""
    slo = promise(
        f"slo {text}",
        objective=text,
        transaction=text,
        display_name=text,
        reasons={f"failed: {text}": 1_427},
        description=text,
        owner=text,
    )
    return evaluation(slo, silent(), other_names=((text, text, 3), ("frontend", text, 2)))
