"""validate --against: what matched, what never held, and where attributes were found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from inspection_kit import SERVER, S, checkout, plan_of_text, wire, write_trace_file

from sloengine.authoring.against import (
    Sightings,
    against,
    document,
    file_traces,
    render_text,
    share,
    uses_of,
)
from sloengine.authoring.scan import Scanned
from sloengine.definitions import Plan


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of_text(tmp_path / "definitions")


def held(tmp_path: Path, plan: Plan, *payloads: bytes) -> tuple[Sightings, Scanned]:
    return against(plan, file_traces([write_trace_file(tmp_path / "traces.pb", *payloads)]))


def order(trace: int, *, parent: int = 1) -> S:
    attributes: dict[str, str | float] = {"demo.order.id": "7", "demo.order.amount": 9.5}
    return S(2, "checkout", "order", parent=parent, attributes=attributes, trace=trace)


def test_transactions_are_counted_by_how_they_ended(tmp_path: Path, plan: Plan) -> None:
    sightings, scanned = held(
        tmp_path,
        plan,
        wire(checkout(1, trace=1), order(1)),
        wire(checkout(1, trace=2), order(2)),
        wire(checkout(1, trace=3, error=True)),
        wire(S(1, "admin", "GET /stock", kind=SERVER, trace=4)),
    )
    assert sightings.outcomes == {
        ("checkout", "good", ""): 2,
        ("checkout", "failed", "error"): 1,
        ("other", "unknown", "unmapped"): 1,
    }
    assert scanned.traces == 4
    text = render_text(sightings, scanned)
    assert "✓ checkout: 3 (good 2, failed error 1)" in text
    assert "other: 1 (unknown unmapped 1); most: admin GET /stock 1" in text


def test_a_trace_spread_over_requests_is_one_trace(tmp_path: Path, plan: Plan) -> None:
    sightings, _ = held(tmp_path, plan, wire(order(1)), wire(checkout(1, trace=1)))
    assert sightings.outcomes == {("checkout", "good", ""): 1}


def test_each_attribute_says_where_it_is_and_its_share_of_nil(tmp_path: Path, plan: Plan) -> None:
    without = replace(checkout(1, trace=2), attributes={"http.route": "/api/checkout"})
    sightings, scanned = held(
        tmp_path, plan, wire(checkout(1, trace=1), order(1)), wire(without, order(2))
    )
    text = " ".join(render_text(sightings, scanned).split())
    assert 'span.attributes["user.id"]: frontend POST /api/checkout (nil on 50.0% of 2)' in text
    assert 'span.attributes["demo.order.id"]: checkout order (nil on 0% of 2)' in text
    assert 'resource.attributes["service.name"]: on every span' in text
    assert '✗ span.attributes["tier"]: on no span' in text
    found = document(sightings, scanned)
    user = next(a for a in found["attributes"] if "user.id" in a["attribute"])
    assert user["found"] == [
        {"service": "frontend", "span": "POST /api/checkout", "spans": 2, "nil": 1}
    ]


def test_values_say_which_expression_gave_them_and_from_where(tmp_path: Path, plan: Plan) -> None:
    sightings, scanned = held(tmp_path, plan, wire(checkout(1, trace=1), order(1)))
    text = " ".join(render_text(sightings, scanned).split())
    assert (
        'checkout, amount: nil on 0%; span.attributes["demo.order.amount"] on checkout order '
        "(span set) 100%"
    ) in text
    assert "checkout, tier: nil on 100%" in text


def test_conditions_that_never_held_are_told_from_attributes_that_nobody_sends(
    tmp_path: Path, plan: Plan
) -> None:
    sightings, scanned = held(tmp_path, plan, wire(checkout(1, trace=1), order(1)))
    never = {use.rule for use in sightings.never_held()}
    assert never == {"excluded probe", "failed error", "because payment"}
    text = " ".join(render_text(sightings, scanned).split())
    assert 'span.attributes["user_agent.synthetic.type"] is on no span' in text
    assert (
        "checkout, failed error: span.status.code == STATUS_CODE_ERROR: it did not happen" in text
    )


def test_a_misspelt_attribute_gets_a_suggestion_from_those_that_are_sent(
    tmp_path: Path, plan: Plan
) -> None:
    span = S(1, "frontend", "POST", kind=SERVER, attributes={"http_route": "/api/checkout"})
    sightings, scanned = held(tmp_path, plan, wire(span))
    assert 'did you mean "http_route"?' in " ".join(render_text(sightings, scanned).split())
    assert sightings.is_wanting
    assert "checkout: no span was taken as its entry" in render_text(sightings, scanned)


def test_every_place_of_a_condition_is_listed_once(plan: Plan) -> None:
    assert [(use.definition, use.rule) for use in uses_of(plan)] == [
        ("checkout", "entry"),
        ("checkout", "excluded probe"),
        ("checkout", "failed error"),
        ("checkout", "failed no-order"),
        ("checkout", "because payment"),
    ]


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, "0%"),
        (10, 10, "100%"),
        (1, 100_000, "under 0.1%"),
        (99_999, 100_000, "over 99.9%"),
        (62, 100, "62.0%"),
        (0, 0, "–"),
    ],
)
def test_nothing_and_everything_are_said_only_where_they_are_exact(
    part: int, whole: int, text: str
) -> None:
    assert share(part, whole) == text
