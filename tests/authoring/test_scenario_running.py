"""What a scenario says is what is compared; whatever differs is found and shown."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenario_files import run, write

from sloengine.authoring.testing import (
    Expectation,
    ScenarioResult,
    load_tests,
    render_junit,
    render_text,
    run_tests,
)
from sloengine.authoring.testing.matching import _assign
from sloengine.authoring.testing.text import difference_lines
from sloengine.clock import FrozenClock
from sloengine.definitions import Outcome
from sloengine.errors import OperatorError
from sloengine.report import TerminalStyle

CONFORMANCE = Path(__file__).parents[2] / "tests/conformance"
GOOD = "        - {id: a, trace: a, name: order, duration: 1s, attributes: {user: ann, tier: gold, amount: 5, currency: EUR}}\n"  # noqa: E501  # one span, one line, as in a test file
BAD = "        - {id: b, trace: b, name: order, duration: 1s, status: error}\n"


def scenario(spans: str, expect: str, name: str = "s") -> str:
    return f"    - name: {name}\n      spans:\n{spans}      expect: {{{expect}}}\n"


def shown(results: Sequence[ScenarioResult]) -> list[list[str]]:
    (result,) = results
    return [difference_lines(difference) for difference in result.differences]


def test_what_is_not_given_is_not_compared(tmp_path: Path) -> None:
    expect = "transactions: [{transaction: order}], slos: [{slo: order-experience, good: 1}]"
    (result,) = run(tmp_path, scenario(GOOD, expect))
    assert result.passed


FIELDS = [
    ("outcome: failed", "  outcome   expected failed   got good"),
    ("reason: error", "  reason   expected error   got none"),
    ("incomplete: true", "  incomplete   expected yes   got no"),
    ("customer: bob", '  customer   expected "bob"   got somebody else'),
    ("customer: null", "  customer   expected nobody   got somebody"),
    ("session: true", "  session   expected somebody   got nobody"),
    ("intent: ann", '  intent   expected "ann"   got nobody'),
    ("value: {amount: 5.000001, currency: EUR}", "  value   expected 5.000001 EUR   got 5 EUR"),
    ("value: {amount: 5, currency: USD}", "  value   expected 5 USD   got 5 EUR"),
    ("value: null", "  value   expected none   got 5 EUR"),
    ("dimensions: {tier: gol}", "  dimension tier   expected gol   got gold"),
]
NUMBERS = [
    ("good: 2", "  good   expected 2   got 1"),
    ("total: 1", "  total   expected 1   got 2"),
    ("excluded: 1", "  excluded   expected 1   got 0"),
    ("unknown: 1", "  unknown   expected 1   got 0"),
    ("corrected: 1", "  corrected   expected 1   got 0"),
    ("sli: 2/3", "  sli   expected 2/3 (66.6666%)   got 1/2 (50.0000%)"),
    ("state: met", "  state   expected met   got missed"),
    ("budget: {allowed: 1}", "  budget.allowed   expected 1   got 1/5 (0.2)"),
    ("budget: {bad: 2}", "  budget.bad   expected 2   got 1"),
    ("budget: {used: 100%}", "  budget.used   expected 1   got 5"),
    ("budget: {remaining: null}", "  budget.remaining   expected no data   got -4"),
    ("burnRate: {1h: 4.999}", "  burnRate.1h   expected 4999/1000 (4.999)   got 5"),
    ("reasons: {'failed: x': 1}", '  reason "failed: error"   expected 0   got 1'),
]


def test_each_field_of_a_transaction_that_differs_is_shown(tmp_path: Path) -> None:
    text = "".join(
        scenario(GOOD, f"transactions: [{{transaction: order, {expected}}}]", name=f"s{number}")
        for number, (expected, _) in enumerate(FIELDS)
    )
    results = run(tmp_path, text)
    assert [shown([result]) for result in results] == [
        [["transaction order, entry a of trace a, at the end", line]] for _, line in FIELDS
    ]


def test_each_number_of_an_objective_that_differs_is_shown(tmp_path: Path) -> None:
    text = "".join(
        scenario(GOOD + BAD, f"slos: [{{slo: order-experience, {expected}}}]", name=f"s{number}")
        for number, (expected, _) in enumerate(NUMBERS)
    )
    for result, (_, line) in zip(run(tmp_path, text), NUMBERS, strict=True):
        ((heading, *lines),) = shown([result])
        assert heading == "SLO order-experience, at the end"
        assert line in lines


def test_missing_and_unexpected_transactions_are_named(tmp_path: Path) -> None:
    expect = "transactions: [{transaction: look, times: 2, outcome: good}]"
    assert shown(run(tmp_path, scenario(GOOD + BAD, expect))) == [
        [
            "transactions, at the end",
            "  missing: look good, 2 times",
            "  not expected: order good (entry a of trace a)",
            "  not expected: order failed because of error (entry b of trace b)",
        ]
    ]


def test_every_transaction_must_be_expected_other_traffic_too(tmp_path: Path) -> None:
    other = "        - {id: c, trace: c, service: web, name: GET /, kind: server}\n"
    expect = "transactions: [{transaction: order, entry: a}]"
    assert shown(run(tmp_path, scenario(GOOD + other, expect))) == [
        [
            "transactions, at the end",
            "  not expected: other unknown because of unmapped (entry c of trace c)",
        ]
    ]


def test_a_counter_that_differs_is_shown(tmp_path: Path) -> None:
    results = run(tmp_path, scenario(GOOD, "counters: {orphans: 1, applied: 1}"))
    assert shown(results) == [["counters, at the end", "  orphans   expected 1   got 0"]]


def test_a_scenario_sees_nothing_of_those_before_it(tmp_path: Path) -> None:
    expect = (
        "transactions: [{transaction: order, entry: a}], "
        "slos: [{slo: order-experience, total: 1, corrected: 0}], counters: {applied: 1}"
    )
    text = "".join(scenario(GOOD, expect, name=f"number {number}") for number in range(3))
    assert [result.passed for result in run(tmp_path, text)] == [True] * 3


def test_results_stand_in_the_order_of_files_whatever_they_share(tmp_path: Path) -> None:
    text = scenario(GOOD, "transactions: [{transaction: order}]")
    for name in ("zoo", "ape", "mid"):
        write(tmp_path, text, name=name)
    write(
        tmp_path,
        text,
        name="bee",
        definitions=(
            "apiVersion: sloengine/v1\nkind: BusinessTransaction\nmetadata: {name: order}\n"
            "spec: {entry: 'span.name == \"order\"'}\n---\n"
        ),
    )
    results = run_tests(load_tests(tmp_path), clock=FrozenClock(0))
    assert [result.suite.file.name.split(".")[0] for result in results] == [
        "ape",
        "bee",
        "mid",
        "zoo",
    ]
    assert all(result.passed for result in results)


def test_alert_states_are_never_passed_silently(tmp_path: Path) -> None:
    expect = "transactions: [{transaction: order}], alerts: [{slo: order-experience, state: quiet}]"
    results = run(tmp_path, scenario(GOOD, expect))
    (result,) = results
    assert not result.passed
    assert not result.failed
    text = render_text(results, style=TerminalStyle())
    assert "alert states are not evaluated by this version (at the end)" in text
    assert "1 scenario in 1 file: 0 passed, 1 not evaluated whole" in text
    (case,) = ET.fromstring(render_junit(results)).iter("testcase")
    skipped = case.find("skipped")
    assert skipped is not None
    assert "not evaluated by this version" in skipped.attrib["message"]


def test_only_what_the_filter_names_is_run(tmp_path: Path) -> None:
    text = scenario(GOOD, "transactions: []", name="Refund") + scenario(
        GOOD, "transactions: []", name="other"
    )
    suites = load_tests(write(tmp_path, text))
    assert [one.scenario.name for one in run_tests(suites, only="reFUND")] == ["Refund"]
    assert len(run_tests(suites, only="order.test.yaml")) == 2
    with pytest.raises(OperatorError, match='no scenario and no file has "nothing" in its name'):
        run_tests(suites, only="nothing")


def test_the_junit_form_names_each_scenario_and_why_it_failed(tmp_path: Path) -> None:
    text = scenario(GOOD, "transactions: [{transaction: order}]", name="fine <&>") + scenario(
        BAD, "transactions: [{transaction: order, outcome: good}]", name='"bad"'
    )
    path = write(tmp_path, text)
    root = ET.fromstring(render_junit(run_tests(load_tests(path), clock=FrozenClock(0))))
    assert root.attrib == {
        "tests": "2",
        "failures": "1",
        "errors": "0",
        "skipped": "0",
        "time": "0.000",
    }
    (suite,) = root
    assert suite.attrib["name"] == str(path)
    fine, bad = suite
    assert (fine.attrib["name"], list(fine)) == ("fine <&>", [])
    failure = bad.find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "transaction order, entry b of trace b, at the end"
    assert "expected good   got failed" in str(failure.text)


def test_colour_is_used_only_where_it_is_wanted(tmp_path: Path) -> None:
    results = run(tmp_path, scenario(BAD, "transactions: [{transaction: order, outcome: good}]"))
    plain = render_text(results, style=TerminalStyle())
    assert "\x1b" not in plain
    colored = render_text(results, style=TerminalStyle(color=True))
    assert "expected good   got \x1b[31mfailed\x1b[0m" in colored
    assert render_text(results, style=TerminalStyle(ascii_only=True)).isascii()


def test_names_cannot_move_the_cursor(tmp_path: Path) -> None:
    text = scenario(BAD, "transactions: []", name='"a\\e[2Jb"')
    results = run_tests(load_tests(write(tmp_path, text)))
    assert "\x1b" not in render_text(results, style=TerminalStyle(), verbose=True)
    assert "\x1b" not in render_junit(results)


# Expectations have teeth


def wrong(expectation: Expectation) -> Expectation:
    """The same, with another outcome for each transaction."""
    assert expectation.transactions is not None
    return replace(
        expectation,
        transactions=tuple(
            replace(
                one,
                given=one.given | {"outcome"},
                outcome=Outcome.GOOD if one.outcome is Outcome.FAILED else Outcome.FAILED,
            )
            if "outcome" in one.given
            else one
            for one in expectation.transactions
        ),
    )


def test_every_outcome_that_conformance_states_is_really_compared() -> None:
    (suite,) = load_tests(CONFORMANCE / "quantifiers.test.yaml")
    turned = replace(
        suite,
        scenarios=tuple(
            replace(one, expectations=tuple(wrong(each) for each in one.expectations))
            for one in suite.scenarios
        ),
    )
    results = run_tests([turned])
    # Half of the traces of most scenarios end the other way round, so names of traces must hold.
    assert all(result.failed for result in results)


# Matching


@given(
    st.lists(st.integers(1, 3), min_size=0, max_size=3),
    st.lists(st.integers(1, 3), min_size=0, max_size=3),
    st.data(),
)
def test_as_many_as_possible_are_matched(
    demand: list[int], supply: list[int], data: st.DataObject
) -> None:
    """The same number as the best of all permutations finds."""
    fits = [
        sorted(data.draw(st.sets(st.integers(0, len(supply) - 1))) if supply else ())
        for _ in demand
    ]
    need, left = _assign(demand, supply, fits)
    given_out = sum(demand) - sum(need)
    assert given_out == sum(supply) - sum(left)
    assert all(0 <= now <= before for now, before in zip(need, demand, strict=True))
    assert all(0 <= now <= before for now, before in zip(left, supply, strict=True))
    wishes = list(Counter(dict(enumerate(demand))).elements())
    goods = list(Counter(dict(enumerate(supply))).elements())
    assert given_out == best(wishes, goods, fits)


def best(wishes: Sequence[int], goods: Sequence[int], fits: Sequence[Sequence[int]]) -> int:
    """The size of a greatest matching, wish by wish over every set of goods that may be used."""
    reachable = {frozenset[int]()}
    for wish in wishes:
        usable = [place for place, kind in enumerate(goods) if kind in fits[wish]]
        reachable |= {
            used | {place}
            for used, place in itertools.product(reachable, usable)
            if place not in used
        }
    return max(len(used) for used in reachable)
