"""The paths of the span context: what each means, and what the decoder must read for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sloengine.ottl.functions import FUNCTIONS
from sloengine.ottl.lexer import Token
from sloengine.ottl.problems import OttlError, suggestion
from sloengine.ottl.registry import Function
from sloengine.ottl.tree import Field, Index, Literal, Path, Place, ValueNode
from sloengine.ottl.values import Instant, Operand, Value

KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
ENUMS: Mapping[str, int] = {
    **{f"SPAN_KIND_{name}": number for number, name in enumerate(KINDS)},
    "STATUS_CODE_UNSET": 0,
    "STATUS_CODE_OK": 1,
    "STATUS_CODE_ERROR": 2,
}

Reader = Callable[[Value], Operand]


@dataclass(frozen=True, slots=True)
class PathRule:
    """What a path reads (`source`), and how the projected value becomes the path's."""

    source: str
    read: Reader
    summary: str


def _plain(value: Value) -> Operand:
    return value


def _map(value: Value) -> Operand:
    return {} if value is None else value


def _kind_name(value: Value) -> Operand:
    return KINDS[value].capitalize() if isinstance(value, int) and 0 <= value <= 5 else ""


def _kind_symbol(value: Value) -> Operand:
    return f"SPAN_KIND_{KINDS[value]}" if isinstance(value, int) and 0 <= value <= 5 else ""


def _counted(value: Value) -> Operand:
    return [] if value is None else value


def _hex(value: Value) -> Operand:
    return value.hex() if isinstance(value, bytes) else None


def _instant(value: Value) -> Operand:
    return Instant(value) if isinstance(value, int) else None


_INSTANT = "a time, for `-` with another time and for functions that take one"
_COUNT = "int"

PATHS: Mapping[str, PathRule] = {
    "span.name": PathRule("span.name", _plain, "string"),
    "span.kind": PathRule("span.kind", _plain, "int, compare with SPAN_KIND_…"),
    "span.kind.string": PathRule("span.kind", _kind_name, "`Server`, `Client`, …"),
    "span.kind.deprecated_string": PathRule("span.kind", _kind_symbol, "`SPAN_KIND_SERVER`, …"),
    "span.status.code": PathRule("span.status.code", _plain, "int, compare with STATUS_CODE_…"),
    "span.status.message": PathRule("span.status.message", _plain, "string"),
    "span.attributes": PathRule("span.attributes", _map, "map, or one attribute"),
    "span.trace_id": PathRule("span.trace_id", _plain, "id: only == and != hold"),
    "span.trace_id.string": PathRule("span.trace_id", _hex, "32 hexadecimal digits"),
    "span.span_id": PathRule("span.span_id", _plain, "id: only == and != hold"),
    "span.span_id.string": PathRule("span.span_id", _hex, "16 hexadecimal digits"),
    "span.parent_span_id": PathRule("span.parent_span_id", _plain, "id; zeros for a root"),
    "span.parent_span_id.string": PathRule(
        "span.parent_span_id", _hex, "16 hexadecimal digits; zeros for a root"
    ),
    "span.trace_state": PathRule(
        "span.trace_state", _plain, 'string; ["k"] is the entry of one vendor'
    ),
    "span.start_time": PathRule("span.start_time_unix_nano", _instant, _INSTANT),
    "span.start_time_unix_nano": PathRule("span.start_time_unix_nano", _plain, "int"),
    "span.end_time": PathRule("span.end_time_unix_nano", _instant, _INSTANT),
    "span.end_time_unix_nano": PathRule("span.end_time_unix_nano", _plain, "int"),
    "span.flags": PathRule("span.flags", _plain, "int"),
    "span.events": PathRule("span.events", _counted, "only as Len(span.events)"),
    "span.links": PathRule("span.links", _counted, "only as Len(span.links)"),
    "span.dropped_attributes_count": PathRule("span.dropped_attributes_count", _plain, _COUNT),
    "span.dropped_events_count": PathRule("span.dropped_events_count", _plain, _COUNT),
    "span.dropped_links_count": PathRule("span.dropped_links_count", _plain, _COUNT),
    "resource.attributes": PathRule("resource.attributes", _map, "map, or one attribute"),
    "resource.dropped_attributes_count": PathRule(
        "resource.dropped_attributes_count", _plain, _COUNT
    ),
    "instrumentation_scope.name": PathRule("instrumentation_scope.name", _plain, "string"),
    "instrumentation_scope.version": PathRule("instrumentation_scope.version", _plain, "string"),
    "instrumentation_scope.attributes": PathRule(
        "instrumentation_scope.attributes", _map, "map, or one attribute"
    ),
    "instrumentation_scope.dropped_attributes_count": PathRule(
        "instrumentation_scope.dropped_attributes_count", _plain, _COUNT
    ),
}
"""Every path. The sources are all that a decoder may be asked for (`FIELD_PATHS`)."""

FIELD_PATHS = tuple(sorted({rule.source for rule in PATHS.values()}))
"""Every `Field.path` that can occur."""

SPAN_NAME = Field("span.name")
SERVICE_NAME = Field("resource.attributes", "service.name", has_key=True)

COUNTED_PATHS = ("span.events", "span.links")
"""Lists of what are no attribute values: only their length can be asked for."""

_ALIASES = {"scope": "instrumentation_scope"}


class SpanNamespace:
    """What a condition on a span may name."""

    @property
    def enums(self) -> Mapping[str, int]:
        """Kinds of span and status codes."""
        return ENUMS

    @property
    def functions(self) -> Mapping[str, Function]:
        """Every supported function."""
        return FUNCTIONS

    def resolve(self, names: Sequence[Token], keys: Sequence[ValueNode], place: Place) -> ValueNode:
        """Return a `Path`, or an `Index` into one."""
        written = ".".join(token.text for token in names)
        context, dot, rest = written.partition(".")
        name = _ALIASES.get(context, context) + dot + rest
        rule = PATHS.get(name)
        if rule is None:
            raise OttlError(_unknown(written), place.offset, len(written))
        if not keys:
            return Path(name, Field(rule.source), rule.read, place)
        if name == "span.trace_state":
            return _trace_state(keys, rule, place)
        if rule.read is not _map:
            raise OttlError(
                f"{written} cannot be indexed; only attributes can", place.offset, place.length
            )
        return _attribute(name, keys, place)


def _unknown(written: str) -> str:
    owners = [path for path in PATHS if path.partition(".")[2] == written]
    if owners:
        return f"{written} needs to say of what; write {' or '.join(owners)}"
    context = written.partition(".")[0]
    contexts = {path.partition(".")[0] for path in PATHS}
    hint = suggestion(written, PATHS)
    if context not in contexts and not hint:
        return f"{written} is no path; paths begin with span., resource. or instrumentation_scope."
    if not hint:
        known = sorted(path for path in PATHS if path.startswith(context + "."))
        hint = f"; known are {', '.join(known)}"
    if ".attributes." in written:
        owner, _, key = written.partition(".attributes.")
        hint = f'; write {owner}.attributes["{key}"]'
    return f"{written} is no path{hint}"


def _attribute(name: str, keys: Sequence[ValueNode], place: Place) -> ValueNode:
    first = keys[0]
    if isinstance(first, Literal):
        if not isinstance(first.value, str):
            raise OttlError(
                'attributes are looked up by a string, as in ["http.route"]',
                first.place.offset,
                first.place.length,
            )
        key = first.value
        path = Path(f'{name}["{key}"]', Field(name, key, has_key=True), _plain, place)
        return Index(path, tuple(keys[1:]), place) if len(keys) > 1 else path
    return Index(Path(name, Field(name), _map, place), tuple(keys), place)


def _trace_state(keys: Sequence[ValueNode], rule: PathRule, place: Place) -> ValueNode:
    first = keys[0]
    if len(keys) > 1 or not (isinstance(first, Literal) and isinstance(first.value, str)):
        raise OttlError(
            'span.trace_state is looked up by one written string, as in ["vendor"]',
            first.place.offset,
            first.place.length,
        )
    name = f'span.trace_state["{first.value}"]'
    return Path(name, Field(rule.source), partial(trace_state_entry, first.value), place)


# https://www.w3.org/TR/trace-context/#tracestate-header, as the OpenTelemetry API checks it.
_STATE_KEY = re.compile(
    r"[a-z][_0-9a-z\-*/]{0,255}|[a-z0-9][_0-9a-z\-*/]{0,240}@[a-z][_0-9a-z\-*/]{0,13}"
)
_STATE_VALUE = re.compile(r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")


def trace_state_entry(key: str, state: Value) -> str | None:
    """Return the value of `key`: empty where it is missing, nil where the state is not valid."""
    if not isinstance(state, str):
        return ""
    entries: dict[str, str] = {}
    for member in state.split(","):
        stripped = member.strip(" \t")
        if not stripped:
            continue
        name, equals, value = stripped.partition("=")
        known = _STATE_KEY.fullmatch(name) and _STATE_VALUE.fullmatch(value)
        if not equals or not known or name in entries or len(entries) == 32:
            return None
        entries[name] = value
    return entries.get(key, "")
