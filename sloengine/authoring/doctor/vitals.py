"""`Vitals`: what a scan notices of traces themselves, whatever the definitions say."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sloengine.authoring.scan import SeenSpan, SeenTrace, Watcher
from sloengine.definitions import Plan
from sloengine.ottl import SERVICE_NAME, ConditionTable, Value
from sloengine.processor import Bench, Judge, SpanKey, SpanRow, Verdict
from sloengine.processor.links import Forest
from sloengine.processor.values import key_text

T = TypeVar("T")

_CLIENT, _SERVER = 3, 2
_MOST_PAIRS = 2_000
_MOST_SAMPLES = 1_000
_FUTURE_NS = 10**9
"""A span that ends so much after it arrived was stamped by a wrong clock."""
_THRESHOLD = re.compile(r"(?:^|[;,])\s*ot=[^,]*?\bth:([0-9a-f]{1,14})(?=[;,]|$)")
_POWER = re.compile(r"(?:^|[;,])\s*ot=[^,]*?\bp:([0-9]{1,2})(?=[;,]|$)")
RATE_ATTRIBUTES = ("SampleRate", "sample_rate", "sampling.rate", "sampling.probability")
_HOSTS = ("host.name", "k8s.pod.name", "service.instance.id")


@dataclass(frozen=True, slots=True)
class Waits:
    """The processor's settings, by which a span is late."""

    idle_ns: int
    max_ns: int


@dataclass(slots=True)
class PairSkew:
    """How the clock of a called service stands to that of its callers."""

    calls: int = 0
    outside: int = 0
    """Calls whose server span lies outside its client span though it is not longer."""
    offsets_ns: list[int] = field(default_factory=list)
    """Of the first of those: called minus calling clock, by the middles of the two spans."""
    hosts: set[str] = field(default_factory=set)
    hosts_outside: set[str] = field(default_factory=set)


@dataclass(slots=True)
class ServiceArrivals:
    """When the spans of one service arrive."""

    spans: int = 0
    late: int = 0
    waits_ns: list[int] = field(default_factory=list)
    """Of the late ones: how long the trace had been silent before them."""
    future: int = 0


class Vitals(Watcher):
    """Counts, in bounded memory, what makes traces hard to judge."""

    def __init__(self, plan: Plan, waits: Waits | None, *, settled_before_ns: int | None) -> None:
        """`waits` is `None` where arrival times are not known.

        Of traces whose newest span arrived at or after `settled_before_ns`, more may be on its
        way: they are not asked for missing parents.
        """
        self._plan = plan
        self._waits = waits
        self._settled_before_ns = settled_before_ns
        self.spans = 0
        self.copies = 0
        self.conflicts = 0
        self.named_parents = 0
        """Distinct parents that spans name, those that are excused left out."""
        self.missing_parents = 0
        """Of those, how many never arrived."""
        self.excused = 0
        """Parents that stand before entries and never arrived, which does no harm."""
        self.traces = 0
        self.incomplete = 0
        self.cycles = 0
        self.unsettled = 0
        self.pairs: dict[tuple[str, str], PairSkew] = {}
        self.marks: Counter[tuple[str, str]] = Counter()
        """(service, how many spans each stands for, as text)."""
        self.marked = 0
        self.arrivals: dict[str, ServiceArrivals] = defaultdict(ServiceArrivals)
        self.missing_by_service: Counter[str] = Counter()
        self._service = plan.fields.index(SERVICE_NAME)

    def begin(self, table: ConditionTable) -> None:
        """Make a judge that says whether a trace was whole."""
        self._judge = Judge(self._plan, table, b"\0" * 32)

    def span(self, span: SeenSpan) -> None:
        """Look at one span."""
        self.spans += 1
        mark = _mark(span.trace_state, span.attributes)
        if mark:
            self.marked += 1
            _count(self.marks, (span.service, mark), ("", "other marks"))
        if span.arrival_ns is not None and span.row.end_ns > span.arrival_ns + _FUTURE_NS:
            self._arrivals_of(span.service).future += 1

    def copy(self, span: SeenSpan, *, differs: bool) -> None:  # noqa: ARG002  # the watcher's form
        """Count a span that had come before."""
        self.copies += 1
        self.conflicts += differs

    def trace(self, trace: SeenTrace, verdict: Verdict, bench: Bench) -> None:  # noqa: ARG002  # the watcher's form
        """Look at one trace."""
        forest = bench.sets.forest
        self.traces += 1
        self.cycles += forest.cycles_cut
        self._skew(trace, forest)
        if trace.arrivals:
            self._late(trace)
        settled = self._settled_before_ns
        if settled is not None and trace.last_arrival_ns >= settled:
            self.unsettled += 1
            return
        orphans = set(bench.orphans)
        named = {row.parent_id for row in forest.rows if row.parent_id}
        missing = {forest.rows[index].parent_id for index in orphans}
        excused = {forest.rows[index].parent_id for index in forest.unparented} - missing
        self.named_parents += len(named) - len(excused)
        self.missing_parents += len(missing)
        self.excused += len(excused)
        self.incomplete += bool(orphans)
        for index in orphans:
            _count(self.missing_by_service, self._service_of(forest.rows[index]), "(other)")

    def _service_of(self, row: SpanRow) -> str:
        return key_text(row.projected[self._service]) or ""

    def _arrivals_of(self, service: str) -> ServiceArrivals:
        is_known = service in self.arrivals or len(self.arrivals) < _MOST_PAIRS
        return self.arrivals[service if is_known else "(other)"]

    def _skew(self, trace: SeenTrace, forest: Forest) -> None:
        for index, row in enumerate(forest.rows):
            above = forest.parent[index]
            if row.kind != _SERVER or above < 0 or forest.rows[above].kind != _CLIENT:
                continue
            client = forest.rows[above]
            services = self._service_of(client), self._service_of(row)
            if services[0] == services[1]:
                continue
            pair = self.pairs.get(services)
            if pair is None:
                if len(self.pairs) >= _MOST_PAIRS:
                    continue
                pair = self.pairs[services] = PairSkew()
            pair.calls += 1
            host = _host(trace.resources.get(row.key, {}))
            if host and len(pair.hosts) < _MOST_SAMPLES:
                pair.hosts.add(host)
            fits = row.end_ns - row.start_ns <= client.end_ns - client.start_ns
            if fits and (row.start_ns < client.start_ns or row.end_ns > client.end_ns):
                pair.outside += 1
                if host in pair.hosts:
                    pair.hosts_outside.add(host)
                if len(pair.offsets_ns) < _MOST_SAMPLES:
                    middle = row.start_ns + row.end_ns - client.start_ns - client.end_ns
                    pair.offsets_ns.append(middle // 2)

    def _late(self, trace: SeenTrace) -> None:
        """Count the spans that came when the trace would have been judged already."""
        for key in trace.arrivals:
            self._arrivals_of(self._service_of(trace.rows[key])).spans += 1
        if self._waits is None:
            return
        groups: dict[int, list[SpanKey]] = defaultdict(list)
        for key, arrival_ns in trace.arrivals.items():
            groups[arrival_ns].append(key)
        times = sorted(groups)
        came: dict[SpanKey, SpanRow] = {}
        judged = False
        for number, at_ns in enumerate(times):
            if number and not judged:
                silent_ns = at_ns - times[number - 1]
                judged = at_ns - times[0] > self._waits.max_ns or (
                    silent_ns > self._waits.idle_ns and self._judge.is_whole(came)
                )
            for key in groups[at_ns]:
                came[key] = trace.rows[key]
                if judged:
                    arrivals = self._arrivals_of(self._service_of(trace.rows[key]))
                    arrivals.late += 1
                    if len(arrivals.waits_ns) < _MOST_SAMPLES:
                        arrivals.waits_ns.append(at_ns - times[number - 1])


def _count(counter: Counter[T], key: T, rest: T) -> None:
    """Count in bounded memory: what senders may make up must not fill it."""
    counter[key if key in counter or len(counter) < _MOST_PAIRS else rest] += 1


def _mark(trace_state: str, attributes: Mapping[str, Value]) -> str:
    """Return how many spans a span says it stands for; empty where it stands for itself alone.

    https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/: a threshold `th` of 14 hex
    digits, trailing zeros left out, keeps (2^56 − T) of 2^56. The older `p` is a power of two.
    """
    if trace_state and (found := _THRESHOLD.search(trace_state)):
        kept = (1 << 56) - int(found[1].ljust(14, "0"), 16)
        return f"1 in {(1 << 56) / kept:.4g} (ot=th:{found[1]})" if kept < 1 << 56 else ""
    if trace_state and (found := _POWER.search(trace_state)):
        return f"1 in {2 ** int(found[1])} (ot=p:{found[1]})" if int(found[1]) else ""
    for key in RATE_ATTRIBUTES:
        value = attributes.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if 0 < value < 1:
            return f"1 in {1 / value:.4g} ({key} {value:g})"
        if value > 1:
            return f"1 in {value:.4g} ({key} {value:g})"
    return ""


def _host(resource: Mapping[str, Value]) -> str:
    for key in _HOSTS:
        value = resource.get(key)
        if isinstance(value, str) and value:
            return value
    return ""
