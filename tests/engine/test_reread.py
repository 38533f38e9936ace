"""A flood of late spans: what reading their traces again costs, and that nothing depends on it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from engine_kit import (
    NOON_NS,
    REJECTING,
    SECOND_NS,
    on,
    outcomes,
    pipeline,
    request,
    span,
    take,
)

from sloengine.clock import FrozenClock
from sloengine.definitions import load_definitions
from sloengine.otlp import Decoded, DecodedTogether, Decoder
from sloengine.otlp.kernel import DecoderMaker
from sloengine.pipeline import Pipeline
from sloengine.spool import Spool
from sloengine.store import Store

MS = 10**6
LOOK_NS = SECOND_NS // 2
DECODE_NS = 5 * MS
"""What it costs to decode a request here; a late trace has two."""
TRACES = range(1, 41)
GOOD = [(trace, "checkout", "good", "") for trace in TRACES]


@pytest.fixture(autouse=True, params=["reference", "auto"])
def both_hot_paths(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every truth below holds for the kernels and for their plain twins."""
    with on(request.param):
        yield


class Machine(FrozenClock):
    """A machine on which decoding takes time: of the processor, or only of the clock on the wall,
    as it does where the disk is slow.
    """

    def __init__(self, *, is_busy: bool = True) -> None:
        super().__init__(NOON_NS)
        self.decode_ns = 0
        self._is_busy = is_busy
        self._cpu_ns = 0

    def cpu_ns(self) -> int:
        return self._cpu_ns

    def work(self) -> None:
        self.advance(self.decode_ns)
        self._cpu_ns += self.decode_ns if self._is_busy else 0

    def slowed(self, maker: DecoderMaker) -> DecoderMaker:
        def make(*arguments: object) -> Decoder:
            return _Slow(maker(*arguments), self.work)  # type: ignore[arg-type]  # passed through

        return make


class _Slow:
    def __init__(self, decoder: Decoder, work: Callable[[], None]) -> None:
        self._decoder = decoder
        self._work = work

    def decode(self, payload: bytes | memoryview) -> Decoded:
        self._work()
        return self._decoder.decode(payload)

    def decode_together(self, payloads: Sequence[bytes]) -> DecodedTogether | None:
        return self._decoder.decode_together(payloads)


def judge_first(stages: Pipeline, machine: Machine) -> None:
    """Every trace is judged without its payment, and not remembered."""
    for trace in TRACES:
        stages.apply(request(span(trace, 1)))
    machine.advance(10 * SECOND_NS)
    stages.process()


def flood(stages: Pipeline, machine: Machine) -> None:
    """The payments come late, each in a request of its own; all are due."""
    for trace in TRACES:
        stages.apply(request(span(trace, 2, "pay", parent=1)))
    machine.advance(120 * SECOND_NS)
    machine.decode_ns = DECODE_NS


def look(stages: Pipeline, machine: Machine) -> int:
    """Look once, twice a second; return how long whoever wanted the lock would have waited."""
    machine.advance(LOOK_NS)
    begun_ns = machine.now_ns()
    assert stages.process()
    return machine.now_ns() - begun_ns


def until_all_are_judged(stages: Pipeline, machine: Machine) -> list[int]:
    looks = []
    while stages.processor.pending_traces:
        looks.append(look(stages, machine))
        assert len(looks) < 100
    return looks


@pytest.mark.parametrize("is_busy", [True, False], ids=["a slow decoder", "a slow disk"])
def test_a_flood_of_late_spans_holds_nobody_up_and_corrects_all(
    tmp_path: Path, is_busy: bool
) -> None:
    """No look lasts longer than its part and one trace; in all it is no more than the share."""
    machine = Machine(is_busy=is_busy)
    with pipeline(
        tmp_path, machine, definitions=REJECTING, recent_traces=0, decoders=machine.slowed
    ) as (stages, store, spool):
        judge_first(stages, machine)
        flood(stages, machine)
        begun_ns, used_ns = machine.now_ns(), machine.cpu_ns()
        looks = until_all_are_judged(stages, machine)
        passed_ns, spent_ns = machine.now_ns() - begun_ns, machine.cpu_ns() - used_ns
        trace_ns = 2 * DECODE_NS
        assert sum(looks) == len(TRACES) * trace_ns
        assert max(looks) <= 50 * MS + trace_ns
        assert spent_ns <= 0.1 * passed_ns + 50 * MS + trace_ns
        assert outcomes(store) == GOOD
        assert store.position == spool.end


def test_the_first_corrections_come_at_once_and_the_oldest_first(tmp_path: Path) -> None:
    machine = Machine()
    with pipeline(
        tmp_path, machine, definitions=REJECTING, recent_traces=0, decoders=machine.slowed
    ) as (stages, store, _):
        judge_first(stages, machine)
        flood(stages, machine)
        look(stages, machine)
        assert [trace for trace, _, outcome, _ in outcomes(store) if outcome == "good"] == [
            *range(1, 6)
        ]
        assert stages.processor.put_off_traces == len(TRACES) - 5


def test_index_and_store_are_asked_once_about_each_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many looks it is put off, and not at all where there is no time to read."""
    asked: dict[str, list[int]] = {"index": [], "store": []}
    frames_of, stored = Spool.frames_of, Store.stored

    def counted_frames(
        spool: Spool, trace_ids: Collection[int], *, since_arrival_ns: int
    ) -> dict[int, list[int]]:
        asked["index"] += trace_ids
        return frames_of(spool, trace_ids, since_arrival_ns=since_arrival_ns)

    def counted_stored(store: Store, trace_ids: Collection[int]) -> object:
        asked["store"] += trace_ids
        return stored(store, trace_ids)

    monkeypatch.setattr(Spool, "frames_of", counted_frames)
    monkeypatch.setattr(Store, "stored", counted_stored)
    machine = Machine()
    with pipeline(
        tmp_path, machine, definitions=REJECTING, recent_traces=0, decoders=machine.slowed
    ) as (stages, _, _):
        judge_first(stages, machine)
        flood(stages, machine)
        until_all_are_judged(stages, machine)
    assert sorted(asked["index"]) == sorted(asked["store"]) == list(TRACES)


def test_while_traces_are_put_off_the_rest_goes_its_way(tmp_path: Path) -> None:
    """New traces are judged at their time; the safe position waits."""
    machine = Machine()
    with pipeline(
        tmp_path, machine, definitions=REJECTING, recent_traces=0, decoders=machine.slowed
    ) as (stages, store, spool):
        judge_first(stages, machine)
        flood(stages, machine)
        look(stages, machine)
        machine.decode_ns = 0
        take(stages, request(span(99, 1), span(99, 2, "pay", parent=1)))
        machine.decode_ns = 1000 * DECODE_NS
        machine.advance(10 * SECOND_NS)
        look(stages, machine)
        assert (99, "checkout", "good", "") in outcomes(store)
        assert stages.processor.put_off_traces == len(TRACES) - 6
        assert store.position == stages.processor.safe_position(spool.end) < spool.end


def test_at_the_end_of_input_everything_is_read(tmp_path: Path) -> None:
    machine = Machine()
    with pipeline(
        tmp_path, machine, definitions=REJECTING, recent_traces=0, decoders=machine.slowed
    ) as (stages, store, _):
        judge_first(stages, machine)
        flood(stages, machine)
        stages.process(everything=True)
        assert outcomes(store) == GOOD
        assert stages.processor.put_off_traces == 0


def test_a_restart_with_traces_put_off_loses_nothing(tmp_path: Path) -> None:
    """They are still in the spool, behind the safe position; no correction is made twice."""
    machine = Machine()
    stages_of = partial(pipeline, definitions=REJECTING, recent_traces=0, decoders=machine.slowed)
    with stages_of(tmp_path, machine) as (stages, store, _):
        judge_first(stages, machine)
        flood(stages, machine)
        for _ in range(3):
            look(stages, machine)
        put_off = stages.processor.put_off_traces
        assert 0 < put_off < len(TRACES)
    machine.decode_ns = 0
    with stages_of(tmp_path, machine) as (stages, store, spool):
        assert stages.processor.pending_traces >= put_off
        machine.decode_ns = DECODE_NS
        machine.advance(120 * SECOND_NS)
        until_all_are_judged(stages, machine)
        assert outcomes(store) == GOOD
        assert store.position == spool.end
        with store.reader() as reader:
            corrections = reader.corrections(0, machine.now_ns() + 1)
        assert sorted(one.trace_id for one in corrections) == list(TRACES)


def test_after_a_restart_what_nothing_came_before_is_judged_whatever_is_owed(
    tmp_path: Path,
) -> None:
    machine = Machine()
    stages_of = partial(pipeline, definitions=REJECTING, decoders=machine.slowed)
    with stages_of(tmp_path, machine) as (stages, store, _):
        for trace in TRACES:
            stages.apply(request(span(trace, 1), span(trace, 2, "pay", parent=1)))
    with stages_of(tmp_path, machine) as (stages, store, _):
        assert stages.processor.pending_traces == len(TRACES)
        machine.decode_ns = 60 * SECOND_NS
        with stages._budget.paying():
            machine.work()
        machine.decode_ns = DECODE_NS
        machine.advance(10 * SECOND_NS)
        used_ns = machine.cpu_ns()
        stages.process()
        assert outcomes(store) == GOOD
        assert machine.cpu_ns() == used_ns


def test_a_reload_with_traces_put_off_loses_nothing_and_owes_what_was_owed(tmp_path: Path) -> None:
    machine = Machine()
    with pipeline(
        tmp_path, machine, definitions=REJECTING, recent_traces=0, decoders=machine.slowed
    ) as (stages, store, _):
        judge_first(stages, machine)
        flood(stages, machine)
        machine.decode_ns = 10 * DECODE_NS
        look(stages, machine)
        machine.decode_ns = 0
        folder = tmp_path / "definitions"
        (folder / "checkout.yaml").write_text(REJECTING.replace("4s", "5s"), encoding="utf-8")
        stages.reload(load_definitions(folder).plan)
        machine.decode_ns = DECODE_NS
        stages.process()
        assert stages.processor.put_off_traces == len(TRACES) - 1
        until_all_are_judged(stages, machine)
        assert outcomes(store) == GOOD


def test_a_whole_core_reads_ten_times_as_much(tmp_path: Path) -> None:
    machine = Machine()
    with pipeline(
        *(tmp_path, machine),
        definitions=REJECTING,
        recent_traces=0,
        decoders=machine.slowed,
        reread_share=1.0,
    ) as (stages, store, _):
        judge_first(stages, machine)
        flood(stages, machine)
        assert until_all_are_judged(stages, machine) == [len(TRACES) * 2 * DECODE_NS]
        assert outcomes(store) == GOOD
