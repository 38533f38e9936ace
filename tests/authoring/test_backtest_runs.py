"""One revision over traces at hand: a store of its own, and everything else untouched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner
from trace_files import S, checkout, plan_of, write_traces

from sloengine.authoring.backtest import History, backtest, covered_share, in_words, open_traces
from sloengine.authoring.backtest.history import share_in_words
from sloengine.cli import cli
from sloengine.clock import SystemClock
from sloengine.errors import OperatorError, StoreError
from sloengine.otlp import trace_ids_of
from sloengine.otlp.files import read_requests
from sloengine.pipeline import SPOOL_FOLDER
from sloengine.replay import TraceFile, replay
from sloengine.spool import SEGMENT_HEADER, Spool, SpoolSnapshot
from sloengine.store import Store

DAY_NS = 86_400 * 10**9


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    return write_traces(
        tmp_path / "traces.jsonl", [[S("shop", "buy", error=n == 3)] for n in range(20)]
    )


@pytest.fixture
def running(tmp_path: Path, traces: Path) -> Iterator[Path]:
    """The folder of a store that an engine holds open: its spool and its database are locked."""
    folder = tmp_path / "engine"
    with Store.open(folder, clock=SystemClock()) as store:
        spool = Spool.open(
            folder / SPOOL_FOLDER,
            store_id=store.store_id,
            clock=SystemClock(),
            trace_ids_of=trace_ids_of,
            segment_bytes=2000,
        )
        position = 0
        for request in read_requests(traces):
            position = spool.append(
                request.payload, arrival_ns=1, trace_ids=trace_ids_of(request.payload)
            )
        spool.wait_durable(position, 10)
        yield folder
        spool.close()


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_backtest_says_what_a_replay_says(tmp_path: Path, traces: Path) -> None:
    plan = plan_of(tmp_path / "d", checkout=checkout())
    tested = backtest([TraceFile(traces)], plan, tmp_path / "one").evaluation
    replayed = replay([traces], plan, tmp_path / "two").evaluation
    assert [(slo.good, slo.total) for slo in tested.slos] == [(19, 20)]
    assert tested.slos[0].budget_remaining == 1 - Fraction(1, 20) / Fraction(1, 100)
    assert tested.slos == replayed.slos


def test_the_spool_of_a_running_engine_says_the_same_and_stays_as_it_is(
    tmp_path: Path, traces: Path, running: Path
) -> None:
    plan = plan_of(tmp_path / "d", checkout=checkout())
    before = contents(running)
    with open_traces([], running) as sources:
        done = backtest(sources, plan, tmp_path / "own")
    assert contents(running) == before
    assert len([name for name in before if name.endswith(".seg")]) > 1
    expected = replay([traces], plan, tmp_path / "two").evaluation
    assert done.evaluation.slos == expected.slos
    assert done.history.spans == 20


def test_what_comes_later_is_not_seen_by_a_second_reading(running: Path) -> None:
    with SpoolSnapshot.open(running / SPOOL_FOLDER) as snapshot:
        frames = list(snapshot.frames())
        first = [frame.position for frame in frames]
        segments = sorted((running / SPOOL_FOLDER).glob("*.seg"))
        with segments[-1].open("r+b") as active:
            active.seek(SEGMENT_HEADER + frames[-1].next_position - int(segments[-1].stem))
            active.write(b"SLOF half a frame")
        # Retention takes the oldest segment away; what is open can still be read.
        segments[0].unlink()
        assert [frame.position for frame in snapshot.frames()] == first
    with SpoolSnapshot.open(running / SPOOL_FOLDER) as later:
        seen = [frame.position for frame in later.frames()]
        assert later.damaged_bytes == 0, "an unfinished frame is no damage"
    assert seen == first[len(first) - len(seen) :]
    assert 0 < len(seen) < len(first)


def test_the_newest_segments_can_be_asked_for(running: Path) -> None:
    with SpoolSnapshot.open(running / SPOOL_FOLDER) as whole:
        everything = [frame.position for frame in whole.frames()]
    with SpoolSnapshot.open(running / SPOOL_FOLDER, newest_bytes=1) as newest:
        seen = [frame.position for frame in newest.frames()]
    assert seen
    assert seen == everything[-len(seen) :]
    assert len(seen) < len(everything)


def test_damage_is_stepped_over_and_counted(running: Path) -> None:
    first = min((running / SPOOL_FOLDER).glob("*.seg"))
    data = bytearray(first.read_bytes())
    data[64 + 60] ^= 0xFF
    first.write_bytes(data)
    with SpoolSnapshot.open(running / SPOOL_FOLDER) as snapshot:
        positions = [frame.position for frame in snapshot.frames()]
        assert snapshot.damaged_bytes > 0
    assert len(positions) == 19
    with open_traces([], running) as sources:
        done = backtest(
            sources, plan_of(running / "d", checkout=checkout()), running.parent / "own"
        )
    assert done.history.spans == 19
    assert "are damaged and were stepped over" in done.problems[0]


def test_a_folder_without_a_spool_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"), open_traces([], tmp_path):
        pass


def test_a_store_that_somebody_uses_is_refused(tmp_path: Path, traces: Path, running: Path) -> None:
    plan = plan_of(tmp_path / "d", checkout=checkout())
    before = contents(running)
    with pytest.raises(OperatorError, match="a backtest needs a store of its own"):
        backtest([TraceFile(traces)], plan, running)
    assert contents(running) == before


def test_no_traces_and_missing_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="no traces: name files"), open_traces([], None):
        pass
    missing = tmp_path / "missing.jsonl"
    with pytest.raises(OperatorError, match="there is no such file"), open_traces([missing], None):
        pass


def test_the_covered_share_is_the_time_from_first_to_last_event() -> None:
    assert covered_share(History(1, 0, DAY_NS), 7 * DAY_NS) == Fraction(1, 7)
    assert covered_share(History(1, 0, 30 * DAY_NS), 28 * DAY_NS) == 1
    assert covered_share(History(1, None, None), DAY_NS) == 0


def test_shares_are_rounded_down_and_a_little_is_not_nothing() -> None:
    assert share_in_words(Fraction(1, 7)) == "14.28%"
    assert share_in_words(Fraction(1, 10**6)) == "under 0.01%"
    assert share_in_words(Fraction(0)) == "0.00%"


def test_history_without_requests_is_said() -> None:
    assert in_words(History(7, None, None), ()) == "7 spans, among them no request of a customer"


def test_the_command_reports_and_says_what_history_covers(tmp_path: Path, traces: Path) -> None:
    plan_of(tmp_path / "d", checkout=checkout())
    arguments = ["backtest", "--traces", str(traces), "--definitions", str(tmp_path / "d")]
    result = CliRunner().invoke(cli, [*arguments, "--format", "json"])
    assert result.exit_code == 0, result.output
    (slo,) = json.loads(result.stdout)["slos"]
    assert (slo["good"], slo["total"]) == (19, 20)
    assert "History: 20 spans" in result.stderr
    assert "under 0.01% of 28 days" in result.stderr
    assert "nobody was notified" in result.stderr
