"""The benchmark measures a real engine, and says nothing about one that counts wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import steps
from benchmarks.bench import Bench
from benchmarks.end_to_end import LARGE, SMALL, Variant, load_engine
from benchmarks.engine_server import WrongCountError
from benchmarks.load import LoadShape, Sender
from benchmarks.ratios import beside_the_steps
from benchmarks.rows import Peer, Row, at_least, at_most
from benchmarks.table import print_table

TINY = Variant("tiny", LoadShape(spans_per_request=2400))


def test_a_tiny_load_is_counted_and_measured(tmp_path: Path) -> None:
    bench = Bench(tmp_path, quick=True, warm_up_s=0.05, seconds=0.2)
    with Sender(TINY.shape) as sender, bench.engine("tiny") as engine:
        figures = load_engine(bench, engine, sender, TINY)
        stored = engine.facts()
        with pytest.raises(WrongCountError, match="expected"):
            engine.check({**stored, "never-sent": {"good": 1}})

    assert sum(sum(outcomes.values()) for outcomes in stored.values()) >= 2
    assert len(figures.per_cpu) == 1
    assert figures.per_cpu[0] > 0
    assert figures.per_wall[0] > 0
    assert figures.peak_mib > 0


def test_the_steps_of_both_sizes_have_a_sum(tmp_path: Path) -> None:
    rows = {row.name: row.value for row in steps.measure(Bench(tmp_path, quick=True))}
    for variant in (LARGE, SMALL):
        size = f"{variant.shape.spans_per_request:,} a request"
        of_size = {name: value for name, value in rows.items() if name.endswith(size)}
        assert len(of_size) == 10
        assert all(value > 0 for value in of_size.values())
        total = of_size.pop(steps.step_name(steps.ALL, variant))
        in_sum = [value for name, value in of_size.items() if "not in the sum" not in name]
        assert sum(in_sum) == pytest.approx(total)


def test_a_step_inside_another_counts_for_itself_alone() -> None:
    timer = steps.Timer()
    timer.run("outer", lambda: timer.run("inner", lambda: sum(range(1_000_000))))
    assert 0 < timer.spent_ns["outer"] < timer.spent_ns["inner"] / 2


def test_what_the_steps_leave_over_is_the_rest_of_the_engine() -> None:
    rows = [
        Row(f"end to end, {LARGE.name}: CPU", 1e6, "spans/CPU-s"),
        Row(steps.step_name(steps.ALL, LARGE), 600.0, "ns/span"),
        Row(steps.step_name(steps.ALL, SMALL), 900.0, "ns/span"),
    ]
    assert [row.value for row in beside_the_steps(rows)] == [pytest.approx(400.0)]


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        pytest.param(75.0, "missed by 25%", id="below"),
        pytest.param(100.0, "met by 0.0%", id="the limit itself"),
        pytest.param(250.0, "met by 150%", id="above"),
    ],
)
def test_a_bound_says_by_how_much(value: float, verdict: str) -> None:
    assert at_least(100).verdict(value) == verdict


def test_only_a_demanded_bound_that_every_run_misses_fails() -> None:
    demanded = at_most(1, demanded=True)
    assert Row.of_runs("slow", [1.1, 1.2], "s", demanded).fails
    assert not Row.of_runs("noisy", [0.9, 1.2, 1.3], "s", demanded).fails
    assert not Row.of_runs("only shown", [1.1, 1.2], "s", at_most(1)).fails


def test_a_row_carries_its_peer_and_verdict_into_json() -> None:
    row = Row("decode", 3.0, "x", peer=Peer("other", 1.5), bound=at_least(2))
    document = json.loads(json.dumps(row.document()))
    assert document["peer"] == {"name": "other", "value": 1.5}
    assert document["bound"]["met"] is True
    assert document["value"] == 3.0


def test_a_pipe_gets_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a measurement with a name of more than forty characters"
    print_table("machine", [[Row(name, 1_234_567.0, "spans/CPU-s", bound=at_least(1e6))]])
    line = next(line for line in capsys.readouterr().out.splitlines() if name in line)
    assert "1,234,567 spans/CPU-s" in line
    assert "≥ 1,000,000 met by 23%" in line
