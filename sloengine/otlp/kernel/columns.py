"""From a plan's fields to what the kernel keeps per span: inputs, and columns of classes."""

from __future__ import annotations

import struct
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from opentelemetry.proto.common.v1.common_pb2 import ArrayValue, KeyValueList

from sloengine.otlp.kernel import layout as at
from sloengine.otlp.kernel.bulk import BulkKinds
from sloengine.otlp.values import NO_SPAN_ID, any_value, attribute_map
from sloengine.ottl import ConditionTable, Field, OpaqueId, Value, ValueExpression
from sloengine.ottl.atoms import AtomGroup, Cuts, atom_groups, leaves_of
from sloengine.ottl.conditions import Condition
from sloengine.ottl.outcomes import Bits, GroupOutcomes, bits_of
from sloengine.ottl.tree import BoolNode

SPAN_ATTRIBUTES = "span.attributes"
RESOURCE_ATTRIBUTES = "resource.attributes"
SCOPE_ATTRIBUTES = "instrumentation_scope.attributes"

PLAIN_SOURCES: Mapping[str, tuple[int, int]] = {
    "span.name": (at.NAME, at.STRING),
    "span.kind": (at.KIND_NUMBER, at.INT),
    "span.status.code": (at.STATUS_CODE, at.INT),
    "span.status.message": (at.STATUS_MESSAGE, at.STRING),
    "span.trace_state": (at.TRACE_STATE, at.STRING),
    "span.flags": (at.FLAGS, at.INT),
    "span.dropped_attributes_count": (at.DROPPED_ATTRIBUTES, at.INT),
    "span.dropped_events_count": (at.DROPPED_EVENTS, at.INT),
    "span.dropped_links_count": (at.DROPPED_LINKS, at.INT),
    "span.events": (at.EVENTS, at.INT),
    "span.links": (at.LINKS, at.INT),
    "span.trace_id": (at.TRACE, at.ID),
    "span.span_id": (at.SPAN, at.ID),
    "span.parent_span_id": (at.PARENT, at.ID),
    "span.start_time_unix_nano": (at.START, at.INT),
    "span.end_time_unix_nano": (at.END, at.INT),
    "resource.dropped_attributes_count": (at.RESOURCE_DROPPED, at.INT),
    "instrumentation_scope.name": (at.SCOPE_NAME, at.STRING),
    "instrumentation_scope.version": (at.SCOPE_VERSION, at.STRING),
    "instrumentation_scope.dropped_attributes_count": (at.SCOPE_DROPPED, at.INT),
}
"""Where the kernel leaves each plain field, and what type it has. Events and links are counted."""

_COUNTED = ("span.events", "span.links")
_MAX_CLASSES = 4096
_MAX_VECTORS = 65536
_NEIGHBOURS = 16


@dataclass(frozen=True, slots=True)
class Input:
    """One field that the kernel looks at."""

    number: int
    field: Field
    column: int
    """-1 where no condition reads it."""
    mode: int
    cuts: Cuts | None
    is_captured: bool


class Columns:
    """The classes of each group of fields that conditions decide on together.

    A class stands for all values for which every leaf has the same outcome, and remembers the
    first of them. Class ids are dense and stable. Safe to share between threads.

    A combination of classes costs what sets it apart from one that was decided before: conditions
    all of whose leaves say the same are not asked again.
    """

    def __init__(self, table: ConditionTable, groups: Sequence[AtomGroup]) -> None:
        self.groups = tuple(groups)
        self.is_full = False
        """Whether it is time to begin anew."""
        self._table = table
        self._outcomes = [GroupOutcomes(group) for group in groups]
        self._bits: list[list[Bits]] = [[] for _ in groups]
        self._readers = _readers(groups, table.conditions)
        self._vectors: dict[tuple[int, ...], int] = {}
        self._decided: deque[tuple[tuple[int, ...], int]] = deque(maxlen=_NEIGHBOURS)
        self._ids: list[dict[Bits, int]] = [{} for _ in groups]
        self._members: list[list[tuple[Value, ...]]] = [[] for _ in groups]
        self._all = (1 << len(table.conditions)) - 1
        self._bulk = [BulkKinds(group) for group in groups]
        self._lock = threading.Lock()

    def class_of(self, column: int, values: tuple[Value, ...]) -> int:
        """Return the class of values that stand in the order of the group's fields."""
        outcomes = self._outcomes[column].of(values)
        known = self._ids[column].get(outcomes)
        if known is not None:
            return known
        with self._lock:
            number = self._ids[column].get(outcomes, len(self._members[column]))
            if number == len(self._members[column]):
                self._members[column].append(values)
                self._bits[column].append(outcomes)
                self._ids[column][outcomes] = number
                self.is_full = self.is_full or number >= _MAX_CLASSES
        return number

    def classes_in_bulk(
        self, column: int, payload: bytes, values: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int32]:
        """Return the classes of many values, as `Rows` has them; -1 for those to be taken alone."""
        classes = np.full(len(values), -1, dtype=np.int32)
        fields = self.groups[column].fields
        for rows, kinds in self._bulk[column].of(payload, values):
            _, first, where = np.unique(kinds, return_index=True, return_inverse=True)
            of_kind = [
                self.class_of(column, values_of(fields, values[rows[one]].tolist(), payload))
                for one in first.tolist()
            ]
            classes[rows] = np.array(of_kind, dtype=np.int32)[where]
        return classes

    def vector_of(self, classes: Sequence[int]) -> int:
        """Return the vector of a span that has these classes, one for each column."""
        key = tuple(classes)
        known = self._vectors.get(key)
        if known is None:
            known = self._decide(key)
            if len(self._vectors) >= _MAX_VECTORS:
                self._vectors = {}
            self._vectors[key] = known
            self._decided.append((key, known))
        return known

    def _decide(self, classes: tuple[int, ...]) -> int:
        asked, true_bits, error_bits = self._all, 0, 0
        for others, vector in tuple(self._decided):
            apart = self._asked(classes, others)
            if apart.bit_count() < asked.bit_count():
                asked = apart
                true_bits = self._table.true_bits(vector)
                error_bits = self._table.error_bits(vector)
        values: dict[Field, Value] = {}
        for column, number in enumerate(classes):
            members = self._members[column][number]
            values.update(zip(self.groups[column].fields, members, strict=True))
        true_bits &= ~asked
        error_bits &= ~asked
        for number in bits_of(asked):
            said = self._table.conditions[number].outcome(values)
            true_bits |= (said is True) << number
            error_bits |= (said is None) << number
        return self._table.vector_of(true_bits, error_bits)

    def _asked(self, classes: tuple[int, ...], others: tuple[int, ...]) -> int:
        """Return the conditions that may differ between two combinations, as bits."""
        asked = 0
        for column, (number, other) in enumerate(zip(classes, others, strict=True)):
            if number != other:
                true, errors = self._bits[column][number]
                other_true, other_errors = self._bits[column][other]
                for leaf in bits_of(true ^ other_true | errors ^ other_errors):
                    asked |= self._readers[column][leaf]
        return asked


def _readers(groups: Sequence[AtomGroup], conditions: Sequence[Condition]) -> list[list[int]]:
    """Return the conditions that read each leaf of each group, as bits."""
    readers: dict[BoolNode, int] = {}
    for number, condition in enumerate(conditions):
        for leaf in leaves_of(condition.root):
            readers[leaf] = readers.get(leaf, 0) | 1 << number
    return [[readers[leaf] for leaf in group.leaves] for group in groups]


class Wanted:
    """What a plan wants of the kernel. Immutable."""

    def __init__(
        self, fields: Sequence[Field], table: ConditionTable, captures: Sequence[ValueExpression]
    ) -> None:
        self.fields = tuple(fields)
        self.table = table
        self.groups = atom_groups(table.conditions)
        self.inputs: list[Input] = []
        self.duration: Input | None = None
        self.marked: list[int] = []
        """Columns that the whole span may have to decide."""
        self.always_marked: list[int] = []
        """Those of them that it always decides."""
        captured = {field for capture in captures for field in capture.fields if field.has_key}
        for column, group in enumerate(self.groups):
            self._add_group(column, group, captured)
        for field in sorted(captured):
            self._add(field, -1, at.EXACT, None, is_captured=True)

    def _add_group(self, column: int, group: AtomGroup, captured: set[Field]) -> None:
        if group.is_duration:
            self.duration = self._add(group.fields[0], column, at.REDUCED, group.cuts)
            self.marked.append(column)
            return
        is_single = len(group.fields) == 1 and _can_stand_alone(group.fields[0])
        if is_single:
            mode = at.REDUCED if group.cuts and _can_reduce(group.cuts) else at.EXACT
        else:
            mode = at.MARKING
            self.marked.append(column)
            if not all(field.has_key for field in group.fields):
                self.always_marked.append(column)
        for field in group.fields:
            if field.has_key or is_single:
                is_captured = field in captured
                self._add(field, column, mode, group.cuts, is_captured=is_captured)
                captured.discard(field)

    def _add(
        self,
        field: Field,
        column: int,
        mode: int,
        cuts: Cuts | None,
        *,
        is_captured: bool = False,
    ) -> Input:
        added = Input(len(self.inputs), field, column, mode, cuts, is_captured)
        self.inputs.append(added)
        return added

    def absent_values(self, column: int) -> tuple[Value, ...]:
        """The values of a group for a span that has nothing set."""
        return tuple(_default(field) for field in self.groups[column].fields)


def _can_stand_alone(field: Field) -> bool:
    return field.has_key or field.path in PLAIN_SOURCES


def _can_reduce(cuts: Cuts) -> bool:
    """Whether every constant can be kept in the table."""
    return all(len(encoded(constant)) <= at.MAX_VALUE_BYTES for constant in cuts.constants)


def encoded(text: str | bytes) -> bytes:
    """Return a constant as it stands on the wire."""
    return text.encode() if isinstance(text, str) else bytes(text)


def longest_own(affixes: Sequence[bytes]) -> list[int]:
    """Return for each of some texts, which ascend, the number of the longest other one that it
    begins with, from 1; 0 where there is none.
    """
    own: list[int] = []
    begun: list[int] = []
    for number, affix in enumerate(affixes, 1):
        while begun and not affix.startswith(affixes[begun[-1] - 1]):
            begun.pop()
        own.append(begun[-1] if begun else 0)
        begun.append(number)
    return own


def _default(field: Field) -> Value:
    if field.has_key or field.path not in PLAIN_SOURCES:
        return None
    if field.path in _COUNTED:
        return []
    match PLAIN_SOURCES[field.path][1]:
        case at.STRING:
            return ""
        case at.INT:
            return 0
        case _:
            return OpaqueId(NO_SPAN_ID)


def value_of(kind: int, a: int, size: int, payload: bytes, field: Field) -> Value:
    """Return the value that a kernel found: `a` is an offset into `payload`, or a number."""
    match kind:
        case at.NIL:
            return None
        case at.INT:
            return [None] * a if field.path in _COUNTED else a
        case at.BOOL:
            return a != 0
        case at.DOUBLE:
            (number,) = struct.unpack("<d", struct.pack("<q", a))
            return float(number)
    # What is not in the payload is a default: no bytes, or the id of no parent.
    data = payload[a : a + size] if 0 <= a <= len(payload) - size else bytes(size)
    match kind:
        case at.STRING:
            return data.decode()
        case at.LIST:
            return [any_value(item) for item in ArrayValue.FromString(data).values]
        case at.MAP:
            return attribute_map(KeyValueList.FromString(data).values)
        case at.ID:
            return OpaqueId(data)
        case _:
            return data


def values_of(
    fields: Sequence[Field], found: Sequence[Sequence[int]], payload: bytes
) -> tuple[Value, ...]:
    """Return the values of fields: type, number or offset, and size of each were found."""
    return tuple(
        [
            value_of(kind, a, size, payload, field)
            for field, (kind, a, size) in zip(fields, found, strict=True)
        ]
    )


def duration_values(nanoseconds: int) -> tuple[Value, ...]:
    """Return an end and a start that lie so far apart."""
    return (max(nanoseconds, 0), max(-nanoseconds, 0))
