"""The benchmark measures a real engine, and says nothing about one that counts wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.bench import Bench
from benchmarks.end_to_end import Variant, load_engine
from benchmarks.engine_server import WrongCountError
from benchmarks.load import LoadShape, Sender
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
