"""explain-trace: which span matched which rule, and why this outcome."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from inspection_kit import (
    CLIENT,
    SERVER,
    SHOP,
    TRACE,
    S,
    checkout,
    explained,
    plan_of_text,
    wire,
    write_trace_file,
)

from sloengine.authoring.explain import Answer, render_json, render_text, trace_of_file
from sloengine.definitions import Plan
from sloengine.errors import PermanentError
from sloengine.report import TerminalStyle

PAYMENT_FAILS = (
    checkout(1, length_s=31.0),
    S(2, "checkout", "PlaceOrder", parent=1, length_s=31.0),
    S(3, "payment", "Charge", parent=2, kind=SERVER, length_s=10.0, error=True),
    S(4, "payment", "Charge", parent=2, kind=SERVER, start_s=10.0, length_s=10.0, error=True),
)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of_text(tmp_path / "definitions")


def test_the_text_answers_first_then_shows_the_tree_then_the_rules(plan: Plan) -> None:
    text = render_text(explained(plan, [wire(*PAYMENT_FAILS)]))
    lines = text.splitlines()
    assert lines[0] == f"Trace {TRACE:032x} · 25 Nov 2025 12:00:00 UTC · 4 spans, whole"
    assert lines[2].startswith("checkout: failed, reason payment")
    assert lines[2].endswith(f"definition checkout@{plan.transactions[0].definition}")
    tree = lines[4:8]
    assert tree[0].startswith("frontend  POST /api/checkout")
    assert tree[0].endswith("entry")
    assert tree[1].startswith("└─ checkout  PlaceOrder")
    assert tree[2].startswith("   ├─ payment  Charge")
    assert tree[3].startswith("   └─ payment  Charge")
    assert [line.count("ERROR") for line in tree] == [0, 0, 1, 1]
    rules = text.partition("Rules, in order\n")[2]
    assert "excluded  –" in rules
    assert "nil on all 4 spans → failed, no-order" in " ".join(rules.split())
    assert "not asked: the first rule that holds decides" in rules
    assert "2 of 4 spans: payment Charge ×2 → reason payment" in " ".join(rules.split())


def test_a_bar_stands_where_its_span_stood_in_time(plan: Plan) -> None:
    text = render_text(explained(plan, [wire(*PAYMENT_FAILS)]))
    first, second = (line for line in text.splitlines() if "payment  Charge" in line)
    assert first.index("█") < second.index("█")


@pytest.mark.parametrize(
    ("spans", "outcome", "deciding"),
    [
        ((checkout(1, error=True),), "failed", "error"),
        ((checkout(1),), "failed", "no-order"),
        (
            (checkout(1), S(2, "checkout", "ship", parent=1, attributes={"demo.order.id": "7"})),
            "good",
            None,
        ),
        (
            (
                checkout(1, length_s=4.5),
                S(2, "checkout", "ship", parent=1, attributes={"demo.order.id": "7"}),
            ),
            "slow",
            "slow",
        ),
        (
            (checkout(1), S(2, "x", "y", attributes={"user_agent.synthetic.type": "bot"})),
            "excluded",
            "probe",
        ),
    ],
    ids=["error", "no order", "good", "slow", "probe"],
)
def test_the_rule_that_decided_is_named(
    plan: Plan, spans: tuple[S, ...], outcome: str, deciding: str | None
) -> None:
    (item,) = explained(plan, [wire(*spans)]).transactions
    assert item.outcome == outcome
    decided = [rule.reason for rule in item.rules if rule.decided]
    assert decided == ([] if deciding is None else [deciding])


def test_what_cannot_be_known_says_that_an_orphan_may_belong_there(plan: Plan) -> None:
    explanation = explained(plan, [wire(checkout(1), S(5, "ledger", "book", parent=99))])
    (item,) = explanation.transactions
    assert item.outcome == "unknown"
    text = " ".join(render_text(explanation).split())
    assert "2 spans, incomplete" in text
    assert "1 orphan may belong here, so absence cannot be known → unknown" in text
    assert "never arrived" in text
    assert next(span for span in explanation.spans if span.service == "ledger").orphan


def test_a_missing_parent_before_an_entry_is_excused(plan: Plan) -> None:
    entry = checkout(1)
    remote = S(1, entry.service, entry.name, parent=77, kind=SERVER, attributes=entry.attributes)
    explanation = explained(plan, [wire(remote)])
    assert not explanation.incomplete
    assert "parent not here (excused)" in render_text(explanation)


def test_values_of_customers_are_shown_only_where_the_reader_has_them(plan: Plan) -> None:
    payload = wire(checkout(1))
    kept = render_text(explained(plan, [payload]))
    assert "ann@example.org" not in kept
    assert "(keyed hash)" in kept
    assert "ann@example.org" in render_text(explained(plan, [payload], reveal=True))
    assert "ann@example.org" not in render_json(explained(plan, [payload]))


def test_a_condition_on_a_customer_shows_no_value_either(tmp_path: Path) -> None:
    text = SHOP.replace(
        "    - slow: {longerThan: 4s}",
        '    - failed: {entry: \'span.attributes["user.id"] == "x"\'}',
    )
    plan = plan_of_text(tmp_path, text)
    order = S(2, "shop", "order", parent=1, attributes={"demo.order.id": "7"})
    explanation = explained(plan, [wire(checkout(1), order)])
    assert "ann@example.org" not in render_text(explanation)
    assert "ann@example.org" not in render_json(explanation)


def test_each_value_says_where_it_came_from(plan: Plan) -> None:
    spans = (
        S(1, "edge", "in", attributes={"tier": "gold"}),
        S(
            2,
            "frontend",
            "POST",
            parent=1,
            kind=SERVER,
            attributes={"http.route": "/api/checkout", "demo.currency": "EUR"},
        ),
        S(3, "checkout", "order", parent=2, attributes={"demo.order.amount": 84.2}),
    )
    (item,) = explained(plan, [wire(*spans)]).transactions
    values = {value.name: (value.text, value.from_span) for value in item.values}
    assert values == {
        "customer": (None, ""),
        "amount": ("84.20", "span set"),
        "currency": ("EUR", "entry"),
        "tier": ("gold", "ancestor"),
    }


def test_other_definitions_say_why_they_did_not_take_the_entry(tmp_path: Path) -> None:
    rivals = "".join(
        f"\n---\napiVersion: sloengine/v1\nkind: BusinessTransaction\n"
        f"metadata: {{name: {name}}}\nspec:\n  {extra}\n"
        f'  entry:\n    - resource.attributes["service.name"] == "frontend"\n'
        for name, extra in (
            ("lower", "priority: -1"),
            ("later", "priority: 0"),
            ("picky", "having: {anySpan: 'span.name == \"never\"'}"),
        )
    )
    plan = plan_of_text(tmp_path, SHOP + rivals)
    explanation = explained(plan, [wire(checkout(1))])
    (item,) = explanation.transactions
    assert item.transaction == "checkout"
    why = {rival.transaction: rival.why for rival in item.rivals}
    assert why["lower"] == "priority -1 is lower than 0"
    assert "comes first by name" in why["later"]
    assert why["picky"].startswith('having is false: anySpan: span.name == "never"')
    assert "matches this entry too" in render_text(explanation)


def test_a_nested_entry_of_the_same_definition_is_named(plan: Plan) -> None:
    inner = checkout(2)
    nested = S(2, "frontend", "inner", parent=1, kind=SERVER, attributes=inner.attributes)
    explanation = explained(plan, [wire(checkout(1), nested)])
    assert len(explanation.transactions) == 1
    (passed,) = explanation.passed_over
    assert explanation.spans[passed.span].name == "inner"
    assert "nested below another entry of checkout" in passed.rivals[0].why
    assert "nested below" in render_text(explanation)


def test_traffic_that_no_definition_maps_is_named(plan: Plan) -> None:
    explanation = explained(plan, [wire(S(1, "admin", "GET /stock", kind=SERVER))])
    assert explanation.transactions == ()
    assert "other: admin GET /stock; no definition maps it" in render_text(explanation)


def test_a_condition_that_errs_says_what_went_wrong(tmp_path: Path) -> None:
    text = SHOP.replace("longerThan: 4s", 'entry: \'HasPrefix(span.attributes["tier"], "g")\'')
    order = S(2, "shop", "order", parent=1, attributes={"demo.order.id": "7"})
    explanation = explained(plan_of_text(tmp_path, text), [wire(checkout(1), order)])
    (error,) = explanation.condition_errors
    assert error.spans == 2
    assert error.message
    assert "errs:" in render_text(explanation)


def test_an_and_names_the_part_that_holds_nowhere(plan: Plan) -> None:
    (item,) = explained(plan, [wire(*PAYMENT_FAILS[:2])]).transactions
    because = next(rule for rule in item.rules if rule.label == "because")
    assert because.finding.answer is Answer.NO
    assert 'never resource.attributes["service.name"] == "payment"' in because.finding.why


def test_copies_are_counted_and_harmless(plan: Plan) -> None:
    payload = wire(checkout(1))
    explanation = explained(plan, [payload, payload])
    assert explanation.copies == 1
    assert "1 span came again" in render_text(explanation)


def test_a_long_trace_is_cut_to_what_matters_unless_all_is_asked_for(plan: Plan) -> None:
    noise = [S(10 + i, "cache", f"get {i}", parent=1, length_s=0.001) for i in range(300)]
    failing = S(999, "payment", "Charge", parent=10, kind=SERVER, length_s=0.0001, error=True)
    explanation = explained(plan, [wire(checkout(1), *noise, failing)])
    text = render_text(explanation)
    assert len(text.splitlines()) < 110
    assert "spans not shown" in text
    assert "payment  Charge" in text
    assert len(render_text(explanation, whole_tree=True).splitlines()) > 300


def test_a_chain_of_a_thousand_spans_prints(plan: Plan) -> None:
    chain = [S(i, "deep", "down", parent=i - 1, kind=CLIENT) for i in range(2, 1001)]
    text = render_text(explained(plan, [wire(checkout(1), *chain)]), whole_tree=True)
    assert len(text.splitlines()) > 1000
    assert max(map(len, text.splitlines())) < 160


def test_hostile_names_cannot_move_the_cursor(plan: Plan) -> None:
    evil = S(2, "bad\x1b[2Jservice", "na\nme\u202e", parent=1)
    text = render_text(explained(plan, [wire(checkout(1), evil)]))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "bad[2Jservice  na me" in text


def test_ascii_and_narrow_terminals(plan: Plan) -> None:
    explanation = explained(plan, [wire(*PAYMENT_FAILS)])
    text = render_text(explanation, TerminalStyle(width=100, ascii_only=True))
    assert text.isascii()
    assert "`- checkout  PlaceOrder" in text
    narrow = render_text(explanation, TerminalStyle(width=70))
    assert "█" not in narrow
    assert "payment  Charge" in narrow


def test_the_json_form_has_all_that_the_text_has(plan: Plan) -> None:
    document = json.loads(render_json(explained(plan, [wire(*PAYMENT_FAILS)])))
    assert document["traceId"] == f"{TRACE:032x}"
    (item,) = document["transactions"]
    assert (item["outcome"], item["reason"]) == ("failed", "payment")
    assert [rule["answer"] for rule in item["rules"]] == [
        "does not hold",
        "does not hold",
        "holds",
        "not asked",
        "holds",
    ]
    assert document["spans"][item["entry"]]["entryOf"] == ["checkout"]


def test_a_file_with_one_trace_needs_no_id(tmp_path: Path) -> None:
    file = write_trace_file(tmp_path / "one.pb", wire(checkout(1)), wire(checkout(2)))
    found = trace_of_file(file)
    assert found.trace_id == TRACE
    assert len(found.payloads) == 2


def test_a_file_with_several_traces_lists_them(tmp_path: Path) -> None:
    file = write_trace_file(tmp_path / "two.pb", wire(checkout(1)), wire(checkout(1, trace=7)))
    with pytest.raises(PermanentError, match=r"holds 2 traces .*choose one with --trace"):
        trace_of_file(file)
    assert trace_of_file(file, 7).trace_id == 7
    with pytest.raises(PermanentError, match=r"trace 0+9 is not in it"):
        trace_of_file(file, 9)


def test_a_file_without_traces_says_so(tmp_path: Path) -> None:
    file = tmp_path / "empty.json"
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(PermanentError, match="holds no trace"):
        trace_of_file(file)
    with pytest.raises(PermanentError, match="cannot be read"):
        trace_of_file(tmp_path / "missing.json")
