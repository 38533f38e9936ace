"""The real stages around one set of definitions: a store in memory, a spool in a scratch folder,
and a clock that the scenario moves.

Made once for many scenarios: opening costs more than judging.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from sloengine.authoring.testing.arrivals import Arrival, Traces
from sloengine.authoring.testing.model import Scenario
from sloengine.clock import FrozenClock
from sloengine.config import EngineConfig
from sloengine.definitions import Plan
from sloengine.errors import StoreError
from sloengine.evaluate import SloEvaluation, evaluate
from sloengine.instrumentation import Instrumentation
from sloengine.otlp import trace_ids_of
from sloengine.pipeline import SPOOL_FOLDER, Pipeline
from sloengine.spool import Spool
from sloengine.store import Fact, Store
from sloengine.wiring import processor_settings

_SECOND_NS = 10**9
_SPOOL_BYTES = 1 << 32


class World:
    """Runs scenarios one after the other; none sees anything of another."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._settings = processor_settings(EngineConfig())
        self._clock = FrozenClock(0)
        self._runs = 0
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self._closing.close()
            raise
        return self

    def _open(self) -> None:
        folder = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="sloengine-test-"))
        self._store = Store.open_memory(clock=self._clock)
        self._closing.callback(self._store.close)
        self._spool = Spool.open(
            Path(folder) / SPOOL_FOLDER,
            store_id=self._store.store_id,
            clock=self._clock,
            trace_ids_of=trace_ids_of,
            disk_budget=_SPOOL_BYTES,
            sync_interval_s=0,
        )
        self._closing.callback(self._spool.close)
        self._pipeline = Pipeline(
            self._plan,
            store=self._store,
            spool=self._spool,
            clock=self._clock,
            settings=self._settings,
            instrumentation=Instrumentation.disabled(),
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.close()

    @property
    def hash_key(self) -> bytes:
        """The key of the hashes that stand for customers, sessions and intents."""
        return self._store.hash_key

    def begin(self, scenario: Scenario) -> Run:
        """Forget what was before, and begin a scenario."""
        if not self._pipeline.process(everything=True):
            raise StoreError(f"{self._pipeline.failure}; the scenario before cannot be ended")
        self._store.clear()
        self._runs += 1
        return Run(self, Traces(scenario, salt=str(self._runs)))


class Run:
    """One scenario on its way through time."""

    def __init__(self, world: World, traces: Traces) -> None:
        self._world = world
        self._waiting = sorted(traces.arrivals(), key=lambda arrival: arrival.at_ns)
        self._next = 0
        self._arrived: dict[int, tuple[int, int]] = {}
        """Trace id → first and last arrival."""
        self._now_ns = traces.scenario.start_ns
        self.traces = traces

    @property
    def now_ns(self) -> int:
        """The instant that the scenario has reached, since the epoch."""
        return self._now_ns

    def advance_to(self, offset_ns: int) -> None:
        """Let everything arrive that comes until this offset, and judge what is due by then."""
        until_ns = self.traces.scenario.start_ns + offset_ns
        while self._next < len(self._waiting) and self._waiting[self._next].at_ns <= until_ns:
            self._arrive(self._waiting[self._next])
            self._next += 1
        self._judge(until_ns)

    def finish(self) -> None:
        """Let everything arrive, and wait until every trace has been judged."""
        world = self._world
        if self._waiting:
            last_ns = max(self._now_ns, self._waiting[-1].at_ns)
            self.advance_to(last_ns - self.traces.scenario.start_ns)
        self._judge(self._now_ns + world._settings.max_wait_ns + _SECOND_NS)

    def facts(self) -> tuple[Fact, ...]:
        """Return the transactions that have been judged."""
        with self._world._store.reader() as reader:
            return reader.facts()

    def counters(self) -> dict[str, int]:
        """Return what the processor counted."""
        with self._world._store.reader() as reader:
            return reader.counters()

    def objectives(self, slos: Sequence[str]) -> tuple[SloEvaluation, ...]:
        """Evaluate some SLOs now."""
        with self._world._store.reader() as reader:
            return evaluate(reader, self._world._plan, at_ns=self._now_ns, slos=slos).slos

    def _arrive(self, arrival: Arrival) -> None:
        # A trace that has been waiting long enough is judged before its next span comes. Between
        # arrivals of other traces nothing that is due can change, so nobody has to look.
        settings, now_ns = self._world._settings, arrival.at_ns
        known = [self._arrived[one] for one in arrival.trace_ids if one in self._arrived]
        if any(
            now_ns - last_ns >= settings.idle_wait_ns or now_ns - first_ns >= settings.max_wait_ns
            for first_ns, last_ns in known
        ):
            self._judge(now_ns)
        for one in arrival.trace_ids:
            self._arrived[one] = (self._arrived.get(one, (now_ns, now_ns))[0], now_ns)
        self._set_clock(arrival.at_ns)
        self._world._pipeline.apply(arrival.payload)

    def _judge(self, at_ns: int) -> None:
        self._set_clock(at_ns)
        if not self._world._pipeline.process():
            raise StoreError(f"{self._world._pipeline.failure}; the scenario cannot go on")

    def _set_clock(self, at_ns: int) -> None:
        self._now_ns = at_ns
        self._world._clock.set(at_ns)
