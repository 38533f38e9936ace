"""The shape of every kind that is ours (`apiVersion: sloengine/v1`)."""

from __future__ import annotations

from collections.abc import Mapping

from sloengine.definitions.openslo import NOTIFIED
from sloengine.definitions.plan import Outcome
from sloengine.definitions.shapes import (
    Boolean,
    Choice,
    Instant,
    Integer,
    Length,
    Number,
    Pattern,
    Shape,
    Text,
    TimeZone,
)
from sloengine.definitions.structures import (
    AnyOf,
    Called,
    ListOf,
    MapOf,
    OneOrMore,
    Record,
    Reference,
    record,
)

CORRELATIONS = ("customer", "session", "intent", "link")
CRITICALITY = ("critical", "high", "medium", "low")
AUDIENCE = ("external", "internal")
DEFAULT_DIMENSION_LIMIT = 100
MOST_DIMENSION_VALUES = 10_000
MOST_SPANS = 10**9
MOST_CUSTOMERS = 10**12
HIGHEST_PRIORITY = 10**6
DIMENSION = r"[A-Za-z][A-Za-z0-9_.-]{0,62}"
OUTCOMES = tuple(str(outcome) for outcome in Outcome)

_DESCRIPTION = (Text(), "What it is, in words for people.")
_CONDITION = Text(word="condition")
_VALUES = OneOrMore(Text(word="expression"))

EVERY_SPAN = record(
    {
        "of": (_CONDITION, "Which spans are asked."),
        "holds": (_CONDITION, "What must hold on each of them."),
    },
    ("of", "holds"),
)
COUNT = record(
    {
        "match": (_CONDITION, "Which spans are counted."),
        "atLeast": (Integer(0, MOST_SPANS), "How many there must be."),
        "atMost": (Integer(0, MOST_SPANS), "How many there may be."),
    },
    ("match",),
    some_of=("atLeast", "atMost"),
)


def _quantifiers(name: str, whole: Shape) -> Mapping[str, tuple[Shape, str]]:
    return {
        "anySpan": (_CONDITION, f"Holds on at least one span of {name}."),
        "noSpan": (_CONDITION, f"Holds on no span of {name}."),
        "everySpan": (EVERY_SPAN, f"Holds on each span of {name} that is asked."),
        "count": (COUNT, f"How many spans of {name} match."),
        "all": (ListOf(whole), "Every part holds."),
    }


def _scope() -> Record:
    members = _quantifiers("the scope", QUANTIFIERS)
    return record(members, some_of=tuple(members))


def _predicate(**more: tuple[Shape, str]) -> Record:
    members: dict[str, tuple[Shape, str]] = {
        "entry": (_CONDITION, "Holds on the entry span itself."),
        "longerThan": (
            Length(positive=False),
            "The entry span lasted longer; exactly this long is not longer.",
        ),
        "trace": (QUANTIFIERS, "The same quantifiers over every span of the trace."),
        "ancestor": (QUANTIFIERS, "The same quantifiers over the ancestors of the entry."),
        **_quantifiers("the span set", PREDICATE),
    }
    return record({**more, **members}, some_of=tuple(members))


QUANTIFIERS = Called("quantifiers", _scope)
"""A body below `trace` or `ancestor`."""
PREDICATE = Called("predicate", _predicate)
"""A body over the span set: of `having`, of `because`, of the outcome `good`."""
_REASON = (Text(), "Why it ended so; the name of the outcome where left out.")
RULE = Called("rule", lambda: _predicate(reason=_REASON))
"""A body of an outcome, with a reason."""
QUANTIFIER_KEYS = _scope().keys
PREDICATE_KEYS = _predicate().keys

PROMISE = record(
    {
        "target": (
            AnyOf(
                (
                    Number(above=0, below=1),
                    Pattern(r"^[0-9]{1,2}(\.[0-9]{1,40})? ?%$", "percentage"),
                )
            ),
            "Share that must be good: 99.5% or 0.995.",
        ),
        "window": (Length(), "Rolling window, such as 28d."),
    },
    ("target", "window"),
)
TOLERANCE = record(
    {
        "duration": (Length(), "How long it may be out."),
        "customers": (Integer(0, MOST_CUSTOMERS), "How many customers may be hit."),
    },
    some_of=("duration", "customers"),
)
VALUE = record(
    {
        "amount": (_VALUES, "Expressions for the amount, tried in order."),
        "currency": (_VALUES, "Expressions for its currency, tried in order."),
    },
    ("amount", "currency"),
)
DIMENSION_RULE = record(
    {
        "from": (_VALUES, "Expressions for its value, tried in order."),
        "limit": (
            Integer(1, MOST_DIMENSION_VALUES),
            f"How many values a report shows; {DEFAULT_DIMENSION_LIMIT} where left out.",
        ),
    },
    ("from",),
)
OUTCOME = record(
    {
        outcome: (
            PREDICATE if outcome == Outcome.GOOD else RULE,
            f"It ended {outcome} where this holds.",
        )
        for outcome in OUTCOMES
    },
    single=True,
)
TRANSACTION = record(
    {
        "description": _DESCRIPTION,
        "criticality": (
            Choice(CRITICALITY),
            "How much the business needs it; medium where left out.",
        ),
        "audience": (
            Choice(AUDIENCE),
            "Who the customer is: outside (where left out), or a unit inside.",
        ),
        "tolerance": (TOLERANCE, "Impact tolerance; a report says kept or breached."),
        "priority": (
            Integer(-HIGHEST_PRIORITY, HIGHEST_PRIORITY),
            "The highest wins where several would take a span; 0 where left out.",
        ),
        "entry": (OneOrMore(_CONDITION), "A span that matches any of these is a candidate."),
        "having": (
            PREDICATE,
            "Tested on the candidate's span set; where it fails, no transaction.",
        ),
        "outcome": (ListOf(OUTCOME), "The first rule that holds decides; where none holds: good."),
        "because": (
            ListOf(MapOf(PREDICATE, single=True)),
            "Names the reason of a failed or slow one; the first that holds. Never decides.",
        ),
        "customer": (_VALUES, "Who it was for; stored only as a keyed hash."),
        "session": (_VALUES, "Which session it belongs to; stored only as a keyed hash."),
        "intent": (_VALUES, "Attempts with the same key are one intent."),
        "retryWindow": (Length(), "Silence that ends an intent; 5m where left out."),
        "value": (VALUE, "What it was worth."),
        "dimensions": (
            MapOf(DIMENSION_RULE, keys=DIMENSION),
            "What reports and SLOs can tell apart, by name.",
        ),
        "promise": (PROMISE, "Shorthand for an SLO over good transactions."),
    },
    ("entry",),
)
IGNORE = record(
    {
        "description": _DESCRIPTION,
        "entry": (OneOrMore(_CONDITION), "A span that matches any of these is nobody's business."),
    },
    ("entry",),
)
BURN_RATES = record(
    {
        "description": _DESCRIPTION,
        "windows": (
            ListOf(
                record(
                    {
                        "burnRate": (Number(above=0), "Alerts above this rate; 1 uses it all up."),
                        "long": (Length(), "The window that must burn so fast."),
                        "short": (Length(), "The shorter one that must still burn so fast."),
                        "severity": (Choice(("page", "ticket")), "Who is told."),
                    },
                    ("burnRate", "long", "short", "severity"),
                )
            ),
            "Each alerts by itself.",
        ),
        "notificationTargets": (NOTIFIED, "Who is told, inline or as targetRef."),
    },
    ("windows",),
)
ADJUSTMENT = record(
    {
        "description": _DESCRIPTION,
        "reason": (Text(), "Why this does not count; reports show it."),
        "slos": (ListOf(Reference("SLO")), "Which SLOs it is about."),
        "start": (Instant(), "When the period, or the first of them, begins."),
        "end": (Instant(), "When a one-off period ends; the end itself counts again."),
        "duration": (Length(), "How long each recurring period lasts."),
        "rrule": (Text(), "When it recurs, as in RFC 5545: FREQ=MONTHLY;BYDAY=1SU."),
        "timeZone": (
            TimeZone(),
            "In which start, end and rrule are meant, as Europe/Berlin; UTC where left out.",
        ),
        "where": (_CONDITION, "Leaves out only the transactions on which this holds."),
    },
    ("reason", "slos", "start"),
    exactly_one=(("end", "rrule"), ("end", "duration")),
)
STEP = record(
    {
        "name": (Text(), "Its name in this journey."),
        "transaction": (Reference("BusinessTransaction"), "What the customer does in it."),
        "after": (ListOf(Text()), "Steps that must all be done before."),
        "anyAfter": (ListOf(Text()), "Steps of which one must be done before."),
        "optional": (Boolean(), "Whether a journey may go without it."),
        "repeat": (Boolean(), "Whether it may happen more than once."),
        "within": (Length(), "How soon after the step before it must happen."),
    },
    ("name", "transaction"),
)
JOURNEY = record(
    {
        "description": _DESCRIPTION,
        "correlate": (
            Text(),
            "What ties steps together: customer, session, intent, link, or an attribute.",
        ),
        "steps": (ListOf(STEP), "What the customer does, as a graph."),
        "timeout": (Length(), "Silence that ends the journey."),
        "goal": (Text(), "The step that makes it worth while."),
    },
    ("correlate", "steps", "timeout", "goal"),
)
SPECS: Mapping[str, Shape] = {
    "BusinessTransaction": TRANSACTION,
    "Ignore": IGNORE,
    "Journey": JOURNEY,
    "BurnRatePolicy": BURN_RATES,
    "BudgetAdjustment": ADJUSTMENT,
}
"""The shape of `spec`, by kind."""
