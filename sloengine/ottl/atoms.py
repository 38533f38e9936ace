"""Atoms: the leaves of conditions by the fields they read, and what of a value they can tell apart.

A condition is a three-valued combination of *leaves* (comparisons and functions that stand as
conditions). Leaves that read one field, or fields that some leaf reads together, form a group. Two
spans for which every leaf of every group has the same outcome have the same result for every
condition: so a decoder may keep one small class per group instead of the values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sloengine.ottl.conditions import Condition, fields_of
from sloengine.ottl.evaluator import decide, fetch
from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.tree import (
    AllOf,
    AnyOf,
    Arithmetic,
    BoolNode,
    Call,
    Comparison,
    Field,
    Not,
    Path,
    Truth,
    ValueNode,
    Values,
    walk,
)
from sloengine.ottl.values import INT_MAX, INT_MIN, Duration, OpaqueId, Operand

Outcomes = tuple[bool | None, ...]
"""What each leaf of a group says: true, false, or `None` for an error."""

_TYPE_TESTS = frozenset({"IsString", "IsInt", "IsDouble", "IsBool", "IsMap", "IsList"})
_START = ("span.start_time", "span.start_time_unix_nano")
_END = ("span.end_time", "span.end_time_unix_nano")


@dataclass(frozen=True, slots=True)
class Cuts:
    """All that the leaves of a group can tell apart.

    Two values of one type have the same outcomes where: strings, bytes and ids are the same
    constant, or are none and (strings) have the same of the prefixes and suffixes; ints have
    equally many `ints` at or below them; doubles have equally many `doubles` below them and equal
    one or not, or both are NaN. Lists are alike, and maps are. Booleans and nil are not reduced.
    """

    constants: frozenset[str | bytes]
    """Strings, bytes and ids (`OpaqueId`); always empty bytes, which are as good as nil."""
    prefixes: tuple[str, ...]
    suffixes: tuple[str, ...]
    ints: tuple[int, ...]
    """Ascending; each within 64 signed bits."""
    doubles: tuple[float, ...]
    """Ascending, no NaN."""


@dataclass(frozen=True, slots=True)
class AtomGroup:
    """Fields that are decided together, and the leaves that read nothing else."""

    fields: tuple[Field, ...]
    leaves: tuple[BoolNode, ...]
    cuts: Cuts | None
    """`None` where leaves look deeper into a value than `Cuts` can say."""
    is_duration: bool
    """The fields are a span's start and end, and the leaves read only end minus start: `cuts.ints`
    are of that difference in nanoseconds, of instants that are not negative."""

    def outcomes(self, values: Values) -> Outcomes:
        """Return what each leaf says; a field that is missing from `values` is nil."""
        return tuple([outcome_of(leaf, values) for leaf in self.leaves])


def atom_groups(conditions: Iterable[Condition]) -> tuple[AtomGroup, ...]:
    """Return the groups of all conditions, in the order of their first field."""
    leaves: dict[BoolNode, tuple[Field, ...]] = {}
    for condition in conditions:
        for leaf in leaves_of(condition.root):
            leaves[leaf] = fields_of(leaf)
    groups: list[tuple[set[Field], list[BoolNode]]] = []
    for leaf, read in leaves.items():
        if not read:
            continue
        joined, own = set(read), [leaf]
        apart = []
        for group in groups:
            if joined.isdisjoint(group[0]):
                apart.append(group)
            else:
                joined |= group[0]
                own = group[1] + own
        groups = [*apart, (joined, own)]
    return tuple(sorted((_group(*group) for group in groups), key=lambda group: group.fields))


def leaves_of(node: BoolNode) -> Iterable[BoolNode]:
    """Yield the leaves of a condition from left to right; some more than once."""
    match node:
        case Comparison() | Truth():
            yield node
        case Not(operand):
            yield from leaves_of(operand)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves_of(part)
        case _:
            return


def outcome_of(leaf: BoolNode, values: Values) -> bool | None:
    """Return what a leaf says: true, false, or `None` for an error."""
    try:
        return decide(leaf, values)
    except EvaluationError:
        return None


def _group(fields: set[Field], leaves: Sequence[BoolNode]) -> AtomGroup:
    ordered = tuple(sorted(fields))
    cutter = _Cutter()
    if all(cutter.cut(leaf, len(ordered)) for leaf in leaves):
        return AtomGroup(ordered, tuple(leaves), cutter.cuts(), is_duration=len(ordered) > 1)
    return AtomGroup(ordered, tuple(leaves), None, is_duration=False)


@dataclass(slots=True)
class _Cutter:
    """Collects what simple leaves compare with."""

    constants: set[str | bytes] = field(default_factory=lambda: {b""})
    prefixes: dict[str, None] = field(default_factory=dict)
    suffixes: dict[str, None] = field(default_factory=dict)
    ints: set[int] = field(default_factory=set)
    doubles: set[float] = field(default_factory=set)

    def cuts(self) -> Cuts:
        return Cuts(
            frozenset(self.constants),
            tuple(self.prefixes),
            tuple(self.suffixes),
            tuple(sorted(cut for cut in self.ints if INT_MIN <= cut <= INT_MAX)),
            tuple(sorted(self.doubles)),
        )

    def cut(self, leaf: BoolNode, fields: int) -> bool:
        """Take in a leaf; return whether it is of a simple form."""
        if fields > 1:
            return fields == 2 and isinstance(leaf, Comparison) and self._cut_duration(leaf)
        match leaf:
            case Comparison(symbol, left, right):
                other = right if is_plain(left) else left if is_plain(right) else None
                return other is not None and self._cut_at(other, ordered=symbol not in ("==", "!="))
            case Truth(call=Call() as call):
                return self._cut_call(call)
            case _:
                return False

    def _cut_at(self, node: ValueNode, *, ordered: bool) -> bool:
        known, constant = constant_of(node)
        if not known:
            return False
        match constant:
            case None | bool():
                return True
            case int() | float():
                return self._cut_number(constant)
            case str() | bytes():
                self.constants.add(constant)
                return not ordered or isinstance(constant, OpaqueId)
            case _:
                return False

    def _cut_number(self, number: float) -> bool:
        if math.isnan(number):
            return True
        self.doubles.add(float(number) + 0.0)
        if type(number) is int:
            self.ints |= {number, number + 1}
        else:
            self.ints |= {_least_int(number), _least_int(math.nextafter(number, math.inf))}
        return True

    def _cut_call(self, call: Call) -> bool:
        target = call.arguments[0] if call.arguments else None
        if target is None or not isinstance(target, Path):
            return False
        if call.name == "IsRootSpan":
            self.constants.add(OpaqueId(bytes(8)))
            return True
        if not is_plain(target):
            return False
        if call.name in _TYPE_TESTS:
            return True
        if call.name in ("HasPrefix", "HasSuffix") and len(call.arguments) == 2:
            affix = call.arguments[1]
            known, text = (False, None) if affix is None else constant_of(affix)
            if known and isinstance(text, str):
                affixes = self.prefixes if call.name == "HasPrefix" else self.suffixes
                affixes[text] = None
                return True
        return False

    def _cut_duration(self, leaf: Comparison) -> bool:
        for difference, other in ((leaf.left, leaf.right), (leaf.right, leaf.left)):
            match difference:
                case Arithmetic("-", Path(name=end), Path(name=start)) if (start, end) in zip(
                    _START, _END, strict=True
                ):
                    known, constant = constant_of(other)
                    if known and isinstance(constant, Duration):
                        return self._cut_number(constant.ns)
                    if not known or isinstance(constant, bool):
                        return False
                    return isinstance(constant, int | float) and self._cut_number(constant)
                case _:
                    continue
        return False


def is_plain(node: ValueNode) -> bool:
    """Whether a node is just one projected value, as it was sent."""
    if not isinstance(node, Path) or node.name != str(node.source):
        return False
    return node.source.has_key or not node.source.path.endswith("attributes")


def constant_of(node: ValueNode) -> tuple[bool, Operand]:
    """Return whether a node reads no field and has a value, and that value."""
    if any(isinstance(below, Path) for below in walk(node)):
        return False, None
    try:
        return True, fetch(node, {})
    except EvaluationError:
        return False, None


def _least_int(bound: float) -> int:
    """The least 64-bit integer that is not below `bound` as a double; 2**63 where none is."""
    low, high = INT_MIN, INT_MAX + 1
    while low < high:
        middle = (low + high) // 2
        if float(middle) >= bound:
            high = middle
        else:
            low = middle + 1
    return low
