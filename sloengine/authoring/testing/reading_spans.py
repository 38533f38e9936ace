"""The spans of a scenario, from YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from sloengine.authoring.testing.model import Repetition, Scope, SpanEvent, SpanSpec
from sloengine.authoring.testing.values import hashed, read_offset, read_span_id
from sloengine.definitions.source import Source
from sloengine.yamldoc import Data, Node

KINDS = {"unspecified": 0, "internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
STATUSES = {"unset": 0, "ok": 1, "error": 2}
DEFAULT_KEYS = (
    "service",
    "name",
    "kind",
    "duration",
    "status",
    "statusMessage",
    "attributes",
    "resource",
    "scope",
    "traceState",
)
SPAN_KEYS = (
    "id",
    "parent",
    "missingParent",
    "trace",
    "at",
    "arrives",
    "times",
    "every",
    "events",
    *DEFAULT_KEYS,
)
SCOPE_KEYS = ("name", "version", "attributes")
EVENT_KEYS = ("name", "at", "attributes")
MOST_SPANS = 100_000
ONLY_TRACE = ""
"""The label of the trace of spans that name none."""


class SpansReader:
    """Reads the spans of one scenario. `defaults` are what spans have that do not say otherwise."""

    def __init__(self, source: Source, defaults: Sequence[Mapping[str, Node]]) -> None:
        self._source = source
        self._defaults = defaults
        self._repetitions: dict[str, Repetition] = {}
        self._parents: list[tuple[Node, str, str, int]] = []
        self._ids: dict[str, dict[int, str]] = {}

    def read(
        self, node: Node | None, what: str
    ) -> tuple[tuple[SpanSpec, ...], dict[str, Repetition]]:
        """Return the spans and the repetitions of their traces; problems are noted.

        Without a node there is no traffic.
        """
        if node is None:
            return (), {}
        spans = []
        for index, item in enumerate(self._source.sequence(node, what)):
            span = self._span(item, f"{what}[{index}]", index)
            if span is not None:
                self._ids.setdefault(span.trace, {})[span.span_id] = span.label
                spans.append(span)
        self._check_parents()
        copies = sum(self._copies(span.trace) for span in spans)
        if copies > MOST_SPANS:
            self._source.error(
                node, f"{what} are {copies:,} spans with their repetitions; {MOST_SPANS:,} may be"
            )
        return tuple(spans), self._repetitions

    def _copies(self, trace: str) -> int:
        repetition = self._repetitions.get(trace)
        return 1 if repetition is None else repetition.times

    def _span(self, item: Node, what: str, index: int) -> SpanSpec | None:
        own = self._source.mapping(item, what, SPAN_KEYS)
        if own is None:
            return None
        members = {key: node for layer in (*self._defaults, own) for key, node in layer.items()}
        if "name" not in members:
            self._source.error(item, f'{what} needs "name"; add it')
            return None
        trace = self._text(members, "trace", what)
        label, span_id = f"span {index + 1}", hashed(f"\0{index}", 8)
        if "id" in members:
            read = read_span_id(self._source, members["id"], f"{what}.id")
            label, span_id = read or (label, span_id)
        parent_id = self._parent(members, what, trace)
        self._repetition(members, what, trace)
        at_ns = self._offset(members, "at", what, 0)
        duration_ns = self._offset(members, "duration", what, 0)
        arrives_ns = self._offset(members, "arrives", what, max(at_ns, at_ns + duration_ns))
        return SpanSpec(
            label=label,
            span_id=span_id,
            parent_id=parent_id,
            trace=trace,
            name=self._text(members, "name", what),
            kind=self._choice(members, "kind", what, KINDS, "internal"),
            at_ns=at_ns,
            duration_ns=duration_ns,
            arrives_ns=arrives_ns,
            status=self._choice(members, "status", what, STATUSES, "unset"),
            status_message=self._text(members, "statusMessage", what),
            attributes=self._merged(own, "attributes", what),
            resource=self._resource(members, own, what),
            scope=self._scope(members.get("scope"), f"{what}.scope"),
            events=self._events(members.get("events"), f"{what}.events"),
            trace_state=self._text(members, "traceState", what),
            position=item.position,
        )

    def _parent(self, members: Mapping[str, Node], what: str, trace: str) -> int:
        if "parent" in members and "missingParent" in members:
            self._source.error(
                members["missingParent"].key_position,
                f"{what} has both parent and missingParent; keep the one that is meant",
            )
        for key in ("parent", "missingParent"):
            if key in members:
                read = read_span_id(self._source, members[key], f"{what}.{key}")
                if read is not None:
                    self._parents.append((members[key], key, trace, read[1]))
                    return read[1]
        return 0

    def _check_parents(self) -> None:
        for node, key, trace, span_id in self._parents:
            ids = self._ids.get(trace, {})
            where = f'trace "{trace}"' if trace else "the trace"
            if key == "parent" and span_id not in ids:
                close = get_close_matches(node.text, list(ids.values()), n=1, cutoff=0.6)
                cure = f'did you mean "{close[0]}"? ' if close else ""
                self._source.error(
                    node,
                    f'no span of {where} has the id "{node.text}"; {cure}'
                    "A parent that never arrives is written as missingParent",
                )
            if key == "missingParent" and span_id in ids:
                self._source.error(
                    node, f'the span "{node.text}" is in {where}, so it is not missing; use parent'
                )

    def _repetition(self, members: Mapping[str, Node], what: str, trace: str) -> None:
        if "times" not in members:
            if "every" in members:
                self._source.error(
                    members["every"].key_position, f'{what} has "every" without "times"; add it'
                )
            return
        times = self._source.integer(members["times"], f"{what}.times", 1, MOST_SPANS)
        every = 0
        if "every" in members:
            every = self._source.duration(members["every"], f"{what}.every", positive=False) or 0
        if trace in self._repetitions:
            self._source.error(
                members["times"].key_position,
                f"{what}: another span repeats the same trace; give each its own trace",
            )
        elif times is not None:
            self._repetitions[trace] = Repetition(times, every)

    def _resource(
        self, members: Mapping[str, Node], own: Mapping[str, Node], what: str
    ) -> dict[str, Data]:
        service = self._text(members, "service", what)
        given = self._merged(own, "resource", what)
        return {"service.name": service, **given} if service else given

    def _merged(self, own: Mapping[str, Node], key: str, what: str) -> dict[str, Data]:
        merged: dict[str, Data] = {}
        for layer in (*self._defaults, own):
            if key in layer:
                merged |= self._attributes(layer[key], f"{what}.{key}")
        return merged

    def _attributes(self, node: Node, what: str) -> dict[str, Data]:
        members = self._source.free_mapping(node, what)
        for key, value in members.items():
            self._check_integers(value, f"{what}.{key}")
        return {key: value.data() for key, value in members.items()}

    def _check_integers(self, node: Node, what: str) -> None:
        for part in (*node.items, *node.entries.values()):
            self._check_integers(part, what)
        if isinstance(node.value, int) and not -(2**63) <= node.value < 2**63:
            self._source.error(node, f"{what} does not fit 64 bits; quote it if it is text")

    def _scope(self, node: Node | None, what: str) -> Scope:
        members = None if node is None else self._source.mapping(node, what, SCOPE_KEYS)
        if members is None:
            return Scope()
        attributes = members.get("attributes")
        return Scope(
            self._text(members, "name", what),
            self._text(members, "version", what),
            {} if attributes is None else self._attributes(attributes, f"{what}.attributes"),
        )

    def _events(self, node: Node | None, what: str) -> tuple[SpanEvent, ...]:
        events = []
        for index, item in enumerate([] if node is None else self._source.sequence(node, what)):
            here = f"{what}[{index}]"
            members = self._source.mapping(item, here, EVENT_KEYS, ("name",))
            if members is not None:
                attributes = members.get("attributes")
                events.append(
                    SpanEvent(
                        self._text(members, "name", here),
                        self._offset(members, "at", here, 0),
                        {}
                        if attributes is None
                        else self._attributes(attributes, f"{here}.attributes"),
                    )
                )
        return tuple(events)

    def _text(self, members: Mapping[str, Node], key: str, what: str) -> str:
        return self._source.text(members[key], f"{what}.{key}") or "" if key in members else ""

    def _offset(self, members: Mapping[str, Node], key: str, what: str, default: int) -> int:
        if key not in members:
            return default
        offset = read_offset(self._source, members[key], f"{what}.{key}")
        return default if offset is None else offset

    def _choice(
        self,
        members: Mapping[str, Node],
        key: str,
        what: str,
        choices: Mapping[str, int],
        default: str,
    ) -> int:
        word = default
        if key in members:
            word = self._source.choice(members[key], f"{what}.{key}", choices) or default
        return choices[word]
