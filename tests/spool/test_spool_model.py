"""The spool against a plain list, through restarts, power cuts and retention."""

from __future__ import annotations

import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from spool_parts import ForgetfulFileSystem, open_spool, payload_of

from sloengine.errors import RetryError
from sloengine.spool import Spool

BUDGET = 10_000


@dataclass(frozen=True)
class Sent:
    position: int
    payload: bytes
    trace_ids: tuple[int, ...]


class SpoolMachine(RuleBasedStateMachine):
    """`durable` is what was acknowledged, `loose` what was appended after it, both by position."""

    @initialize()
    def start(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="spool-model-"))
        self.crashes = 0
        self.durable: list[Sent] = []
        self.loose: list[Sent] = []
        self.committed = 0
        self.open(self.root / "0")

    def open(self, directory: Path) -> None:
        self.directory = directory
        self.files = ForgetfulFileSystem(directory, self.root / f"shadow-{directory.name}")
        self.spool: Spool = open_spool(
            directory,
            files=self.files,
            segment_bytes=500,
            disk_budget=BUDGET,
            sync_interval_s=0.0,
            compress_share=1.0,
            committed=self.committed,
        )

    @rule(
        trace_ids=st.lists(st.integers(0, 6), unique=True, max_size=4),
        filler=st.binary(max_size=150),
    )
    def append(self, trace_ids: list[int], filler: bytes) -> None:
        payload = payload_of(trace_ids, filler)
        try:
            position = self.spool.append(payload, arrival_ns=1, trace_ids=trace_ids)
        except RetryError:
            uncommitted = [sent for sent in self.durable if sent.position >= self.committed]
            assert sum(len(sent.payload) for sent in [*uncommitted, *self.loose]) > BUDGET // 10
            return
        assert position >= self.end_of_known()
        self.loose.append(Sent(position, payload, tuple(trace_ids)))

    # What is durable at a step depends on a thread, so no rule draws from it.

    @rule(number=st.integers(0, 10))
    def wait(self, number: int) -> None:
        if self.loose:
            self.spool.wait_durable(self.loose[number % len(self.loose)].position, 10)
        self.settle()

    def settle(self) -> int:
        """Move what the spool calls durable by now, and return where that ends; an
        acknowledgement covers all before it.
        """
        end = self.spool.durable_end
        self.durable += [sent for sent in self.loose if sent.position < end]
        self.loose = [sent for sent in self.loose if sent.position >= end]
        return end

    @rule(number=st.integers(0, 5))
    def commit(self, number: int) -> None:
        self.settle()
        if number < len(self.durable):
            self.committed = max(self.committed, self.durable[-1 - number].position)
            self.spool.commit_position(self.committed)

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.settle()
        assert self.loose == []
        shutil.rmtree(self.root / f"shadow-{self.directory.name}")
        self.open(self.directory)

    @rule(seed=st.integers(0, 2**32))
    def power_cut(self, seed: int) -> None:
        self.settle()
        self.crashes += 1
        target = self.root / str(self.crashes)
        self.files.crash(target, random.Random(seed))
        self.spool.close()
        shutil.rmtree(self.directory)
        self.open(target)
        # What was not acknowledged may have survived, in order and unchanged.
        survived = {frame.position: frame.payload for frame in self.spool.read(self.spool.start)}
        for sent in self.loose:
            if survived.get(sent.position) == sent.payload:
                self.durable.append(sent)
        self.loose = []

    def end_of_known(self) -> int:
        return max((sent.position for sent in [*self.durable, *self.loose]), default=0)

    @invariant()
    def everything_acknowledged_is_there(self) -> None:
        end = self.settle()
        start = self.spool.start
        frames = {frame.position: frame.payload for frame in self.spool.read(start, end)}
        kept = [sent for sent in self.durable if sent.position >= start]
        assert frames == {sent.position: sent.payload for sent in kept}
        assert all(sent.position < self.committed for sent in self.durable if sent not in kept)
        assert self.spool.statistics.bytes <= BUDGET + 2_000

    @invariant()
    def the_index_leads_to_all_frames_of_a_trace(self) -> None:
        found = self.spool.frames_of(range(7), since_arrival_ns=0)
        expected: dict[int, list[int]] = {}
        for sent in [*self.durable, *self.loose]:
            if sent.position >= self.spool.start:
                for trace_id in sent.trace_ids:
                    expected.setdefault(trace_id, []).append(sent.position)
        assert found == expected

    @invariant()
    def single_frames_can_be_read(self) -> None:
        wanted = [*self.durable, *self.loose][::3]
        start = self.spool.start
        kept = [(sent.position, sent.payload) for sent in wanted if sent.position >= start]
        frames = self.spool.read_at([sent.position for sent in wanted])
        assert [(frame.position, frame.payload) for frame in frames] == kept

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            self.spool.close()
            shutil.rmtree(self.root)


def run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        SpoolMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_spool_does_what_a_list_does() -> None:
    run(25, 25)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_spool_does_what_a_list_does_for_long() -> None:
    run(600, 60)
