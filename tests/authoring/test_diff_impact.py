"""What a change of definitions would have done to traces that are at hand."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner
from trace_files import S, checkout, plan_of, write_traces

from sloengine.authoring.diff import (
    Impact,
    Side,
    compare_plans,
    impact_of,
    render_json,
    render_markdown,
    render_text,
)
from sloengine.authoring.diff.impact import BAD, EXCLUDED, GOOD, NOT_COUNTED, UNKNOWN
from sloengine.cli import cli
from sloengine.definitions import Plan
from sloengine.replay import TraceFile
from sloengine.report import TerminalStyle

ERROR = "failed: {entry: span.status.code == STATUS_CODE_ERROR}"


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """Ten requests to the shop, of 100 ms to 1 s, the first with an error, and one to a kiosk."""
    requests = [[S("shop", "buy", ms=100 * n, error=n == 1)] for n in range(1, 11)]
    return write_traces(tmp_path / "traces.jsonl", [*requests, [S("kiosk", "buy", ms=5)]])


def impact(tmp_path: Path, traces: Path, before: str, after: str) -> Impact:
    return impact_of(
        plan_of(tmp_path / "before", one=before),
        plan_of(tmp_path / "after", one=after),
        [TraceFile(traces)],
    )


def limit(text: str) -> str:
    return checkout(rules=f"[{ERROR}, slow: {{longerThan: {text}}}]", target="90%")


def trace(number: int) -> str:
    return f"{number:032x}"


def test_a_lower_limit_turns_the_slow_ones_bad_with_three_examples(
    tmp_path: Path, traces: Path
) -> None:
    found = impact(tmp_path, traces, limit("1s"), limit("650ms"))
    assert found.unchanged == 7
    (((was, is_now), move),) = found.moves.items()
    assert (was, is_now) == (("checkout", "good", ""), ("checkout", "slow", "slow"))
    assert (move.count, move.traces) == (4, [trace(7), trace(8), trace(9)])
    (slo,) = found.slos
    assert {way: move.count for way, move in slo.flips.items()} == {(GOOD, BAD): 4}


def test_budgets_before_and_after_are_exact(tmp_path: Path, traces: Path) -> None:
    (slo,) = impact(tmp_path, traces, limit("1s"), limit("650ms")).slos
    assert slo.before is not None
    assert slo.after is not None
    assert (slo.before.good, slo.before.total) == (9, 10)
    assert (slo.after.good, slo.after.total) == (5, 10)
    assert slo.before.budget_remaining == 0
    assert slo.after.budget_remaining == Fraction(-4)


def test_a_higher_limit_turns_them_good(tmp_path: Path, traces: Path) -> None:
    (slo,) = impact(tmp_path, traces, limit("650ms"), limit("1s")).slos
    assert {way: move.count for way, move in slo.flips.items()} == {(BAD, GOOD): 4}


def test_the_same_set_flips_nothing(tmp_path: Path, traces: Path) -> None:
    found = impact(tmp_path, traces, limit("1s"), limit("1s"))
    assert (found.moves, found.unchanged) == ({}, 11)
    assert [slo.flips for slo in found.slos] == [{}]


def test_a_definition_for_what_was_unmapped_moves_it_out_of_other(
    tmp_path: Path, traces: Path
) -> None:
    wider = checkout(entry='span.name == "buy"')
    found = impact(tmp_path, traces, checkout(), wider)
    ((was, is_now),) = found.moves
    assert was[0] == "other"
    assert is_now == ("checkout", "good", "")
    (slo,) = found.slos
    assert {way: move.count for way, move in slo.flips.items()} == {(NOT_COUNTED, GOOD): 1}


def test_a_transaction_that_begins_at_another_span_is_the_same_transaction(tmp_path: Path) -> None:
    spans = [S("proxy", "in", ms=100), S("shop", "buy", parent=0, ms=90)]
    traces = write_traces(tmp_path / "t.jsonl", [spans])
    proxy = checkout(entry='resource.attributes["service.name"] == "proxy"')
    found = impact(tmp_path, traces, checkout(), proxy)
    assert (found.moves, found.unchanged) == ({}, 1)


def test_a_renamed_transaction_is_one_that_moved(tmp_path: Path, traces: Path) -> None:
    renamed = checkout().replace("name: checkout", "name: purchase")
    found = impact(tmp_path, traces, checkout(), renamed)
    moved = [((was[0], is_now[0]), move.count) for (was, is_now), move in found.moves.items()]
    assert sorted(moved) == [(("checkout", "purchase"), 1), (("checkout", "purchase"), 9)]
    assert [(slo.slo, slo.before is None, slo.after is None) for slo in found.slos] == [
        ("checkout-experience", False, True),
        ("purchase-experience", True, False),
    ]


SLO = """---
apiVersion: openslo/v1
kind: SLO
metadata: {name: buying}
spec:
  service: shop
  indicator:
    metadata: {name: buying}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: sloengine, spec: {transaction: checkout, where: 'GOOD'}}}
        total: {metricSource: {type: sloengine, spec: {transaction: checkout TOTAL}}}
  timeWindow: [{duration: 7d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.9}]
"""
RULES = (
    "[excluded: {longerThan: 950ms}, unknown: {longerThan: 850ms}, abandoned: {longerThan: 750ms}, "
    "failed: {entry: span.status.code == STATUS_CODE_ERROR}, slow: {longerThan: 450ms}]"
)
SLOS = [
    ('transaction.outcome == "good"', ""),
    ('transaction.duration < Duration("300ms")', ""),
    ('transaction.outcome != "failed"', ", where: 'transaction.reason != \"slow\"'"),
    ('transaction.outcome == "good"', ", unknown: bad"),
]


def test_flips_account_for_every_difference_of_the_counts(tmp_path: Path, traces: Path) -> None:
    """What the store counted after is what it counted before, and the flips: SLO by SLO."""
    sets = ["", ""]
    pairs = list(product(SLOS, repeat=2))
    for number, pair in enumerate(pairs):
        for side, (good, total) in enumerate(pair):
            text = SLO.replace("GOOD", good).replace(" TOTAL", total)
            sets[side] += text.replace("buying", f"buying-{number}")
    before, after = (checkout(rules=RULES) + slos for slos in sets)
    found = impact(tmp_path, traces, before, after)
    assert len(found.slos) == len(pairs) + 1
    assert sum(bool(slo.flips) for slo in found.slos) >= 10
    for slo in found.slos:
        assert slo.before is not None
        assert slo.after is not None
        counted = dict.fromkeys((GOOD, BAD, EXCLUDED, UNKNOWN), 0)
        counted[GOOD] = slo.before.good
        counted[BAD] = slo.before.total - slo.before.good
        counted[EXCLUDED], counted[UNKNOWN] = slo.before.excluded, slo.before.unknown
        for (was, is_now), move in slo.flips.items():
            counted[was] = counted.get(was, 0) - move.count
            counted[is_now] = counted.get(is_now, 0) + move.count
        assert (counted[GOOD], counted[GOOD] + counted[BAD]) == (slo.after.good, slo.after.total)
        assert (counted[EXCLUDED], counted[UNKNOWN]) == (slo.after.excluded, slo.after.unknown)


def sides(tmp_path: Path, before: str, after: str) -> tuple[Side, Side]:
    plans: list[Plan] = [
        plan_of(tmp_path / name, one=text) for name, text in (("b", before), ("a", after))
    ]
    return Side("main (1234567)", plans[0]), Side("working folder", plans[1])


def test_every_form_says_what_changed_what_flips_and_what_is_covered(
    tmp_path: Path, traces: Path
) -> None:
    before, after = sides(tmp_path, limit("1s"), limit("650ms"))
    changes = compare_plans(before.plan, after.plan)
    found = impact_of(before.plan, after.plan, [TraceFile(traces)])
    text = render_text(before, after, changes, found, style=TerminalStyle())
    markdown = render_markdown(before, after, changes, found)
    for shown in (text, markdown):
        assert "rule 2, slow: longer than 1s → 650ms, stricter" in shown
        assert "4 of 11 transactions would have ended differently." in shown
        assert "0% → −400%" in shown
        assert "under 0.01% of 28 days" in shown
        assert "4 turn bad" in shown
        assert all(trace(number) in shown for number in (7, 8, 9))
        assert trace(10) not in shown
    document = json.loads(render_json(before, after, changes, found))
    (slo,) = document["impact"]["slos"]
    assert slo["before"]["budget"] == {"total": "1/1", "used": 1, "remaining": "0/1"}
    assert slo["after"]["budget"]["remaining"] == "-4/1"
    assert slo["flips"] == [
        {"before": "good", "after": "bad", "count": 4, "traces": [trace(7), trace(8), trace(9)]}
    ]
    start, end = 100 * 10**6, 10 * 10**9 + 5 * 10**6 + 1
    assert Fraction(document["impact"]["history"]["covered"]["28d"]) == Fraction(
        end - start, 28 * 86_400 * 10**9
    )


def test_text_from_definitions_stays_in_its_place_in_markdown(tmp_path: Path) -> None:
    hostile = "  description: '@team <img src=x> [a](http://b) | ```'\n"
    before, after = sides(tmp_path, checkout(), checkout(more=hostile))
    markdown = render_markdown(before, after, compare_plans(before.plan, after.plan), None)
    assert "<img" not in markdown
    assert "@team" not in markdown
    assert "http://b" not in markdown


def test_the_command_compares_in_a_checkout(
    tmp_path: Path, traces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "slo-definitions"
    plan_of(folder, checkout=limit("1s"))
    for command in (["init", "-q"], ["add", "slo-definitions"], ["commit", "-q", "-m", "one"]):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    plan_of(folder, checkout=limit("650ms"))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["diff", "--traces", str(traces)])
    assert result.exit_code == 0, result.output
    assert "4 of 11 transactions would have ended differently." in result.stdout
    without = CliRunner().invoke(cli, ["diff"])
    assert "No history at hand" in without.stdout
