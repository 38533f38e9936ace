"""Small traces and random definitions: every quantifier, scope and oddity of the wire."""

from __future__ import annotations

from hypothesis import strategies as st
from processor_oracle import Oracle, OracleSpan
from processor_support import KEY, Span, plan_of

from sloengine.definitions.plan import (
    AllOf,
    AnySpan,
    BecauseRule,
    CountSpans,
    DimensionRule,
    EntrySpan,
    EverySpan,
    LongerThan,
    NoSpan,
    Outcome,
    OutcomeRule,
    Plan,
    Predicate,
    Scope,
    TransactionRule,
)
from sloengine.ottl import EvaluationError, Value

NAMES = "c0 c1 c2 c3"
CAPTURES = ("v0", "v1", 'Double(span.attributes["v0"])')
CONDITIONS = st.integers(0, 3)
SCOPES = st.sampled_from(Scope)
BOUNDS = st.one_of(st.none(), st.integers(0, 3))

PREDICATES: st.SearchStrategy[Predicate] = st.recursive(
    st.one_of(
        st.builds(EntrySpan, CONDITIONS),
        st.builds(AnySpan, CONDITIONS, SCOPES),
        st.builds(NoSpan, CONDITIONS, SCOPES),
        st.builds(EverySpan, CONDITIONS, CONDITIONS, SCOPES),
        st.builds(CountSpans, CONDITIONS, BOUNDS, BOUNDS, SCOPES),
        st.builds(LongerThan, st.integers(0, 4)),
    ),
    lambda inner: st.builds(AllOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    max_leaves=4,
)
VALUE_LISTS = st.lists(st.integers(0, 2), max_size=2).map(tuple)


@st.composite
def rules(draw: st.DrawFn, name: str) -> TransactionRule:
    return TransactionRule(
        name=name,
        display_name=name,
        definition=f"#{name}",
        entry=tuple(draw(st.sets(CONDITIONS, min_size=1, max_size=2))),
        priority=draw(st.integers(0, 1)),
        having=draw(st.one_of(st.none(), PREDICATES)),
        outcome=tuple(
            OutcomeRule(
                draw(st.sampled_from(Outcome)), draw(st.sampled_from(["", "r1", "r2"])), when
            )
            for when in draw(st.lists(PREDICATES, max_size=3))
        ),
        because=tuple(
            BecauseRule(f"b{index}", when)
            for index, when in enumerate(draw(st.lists(PREDICATES, max_size=2)))
        ),
        customer=draw(VALUE_LISTS),
        session=draw(VALUE_LISTS),
        intent=draw(VALUE_LISTS),
        amount=draw(VALUE_LISTS),
        currency=draw(VALUE_LISTS),
        dimensions=tuple(
            DimensionRule(f"d{index}", captures, 20)
            for index, captures in enumerate(draw(st.lists(VALUE_LISTS, max_size=2)))
        ),
    )


@st.composite
def plans(draw: st.DrawFn, revision: str = "0000000000aa") -> Plan:
    names = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3, unique=True))
    ignored = draw(st.lists(st.sets(CONDITIONS, min_size=1, max_size=1).map(tuple), max_size=1))
    return plan_of(
        [draw(rules(name)) for name in names],
        conditions=NAMES,
        captures=CAPTURES,
        ignore=[(f"ignore-{index}", entry) for index, entry in enumerate(ignored)],
        revision=revision,
    )


MARKS = st.lists(st.sampled_from(["", "", "", "?", "t", "t"]), min_size=4, max_size=4).map(
    lambda states: " ".join(
        f"c{index}{state.rstrip('t')}" for index, state in enumerate(states) if state
    )
)
VALUES: st.SearchStrategy[Value] = st.sampled_from(
    [
        *(None, None, "", "x", "12.5", 0, 503, -7, 503.0, 0.0000005, 1.0000015, -2.5e-6, 1e300),
        *(float("nan"), float("inf"), True, b"\x00\xff", ["x", 1], {"k": "v"}, -0.0, 0.0),
    ]
)
SPANS = st.builds(
    Span,
    span_id=st.integers(1, 6),
    parent_id=st.sampled_from([0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8]),
    marks=MARKS,
    kind=st.sampled_from([0, 1, 2, 2, 2, 3, 3, 4, 5]),
    start_ns=st.integers(0, 4),
    end_ns=st.integers(0, 8),
    name=st.sampled_from(["work", "play"]),
    service=st.sampled_from(["shop", "till", None]),
    values=st.fixed_dictionaries({}, optional={"v0": VALUES, "v1": VALUES}),
)
TRACES = st.lists(SPANS, min_size=1, max_size=8)


def oracle_of(plan: Plan, trace_id: int, spans: list[Span]) -> Oracle:
    """What the oracle says about these spans, duplicates and all."""
    return Oracle(plan, trace_id, [_as_oracle_sees(plan, span) for span in spans], KEY)


def _as_oracle_sees(plan: Plan, span: Span) -> OracleSpan:
    projected = tuple(span.value_of(wanted) for wanted in plan.fields)
    mapping = dict(zip(plan.fields, projected, strict=True))
    values: dict[int, Value] = {}
    for index, expression in enumerate(plan.captures):
        try:
            values[index] = expression.evaluate(mapping)
        except EvaluationError:
            values[index] = None
    marks = set(span.marks.split())
    names = NAMES.split()
    return OracleSpan(
        span_id=span.span_id,
        parent_id=span.parent_id,
        kind=span.kind,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        name=span.name,
        service=span.service,
        true=frozenset(index for index, name in enumerate(names) if name in marks),
        errs=frozenset(index for index, name in enumerate(names) if f"{name}?" in marks),
        values=values,
        projected=projected,
    )
