"""What can be said of a condition without any span: that it never holds, or always does.

Only certain things are reported: a condition without a doubt here may still never hold. Values are
compared as the language compares them, so 1 and 1.0 are one, and "1" is another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sloengine.ottl import EvaluationError
from sloengine.ottl.compare import compare
from sloengine.ottl.facttree import (
    AllFacts,
    AnyFact,
    FactNode,
    NumberTest,
    OppositeFact,
    TextTest,
)
from sloengine.ottl.paths import KINDS
from sloengine.ottl.tree import (
    AllOf,
    AnyOf,
    Arithmetic,
    BoolNode,
    Call,
    Comparison,
    Constant,
    Index,
    ListOf,
    Literal,
    MapOf,
    Negative,
    Node,
    Not,
    Path,
    Truth,
    children,
)
from sloengine.ottl.values import Operand

_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITE = {"==": "!=", "!=": "=="}
_LOWER = (">", ">=")
_UPPER = ("<", "<=")
_INT, _TEXT, _ID = "a number", "text", "an id"
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "span.kind",
            "span.status.code",
            "span.flags",
            "span.start_time_unix_nano",
            "span.end_time_unix_nano",
            "span.dropped_attributes_count",
            "span.dropped_events_count",
            "span.dropped_links_count",
        ),
        _INT,
    ),
    **dict.fromkeys(
        (
            "span.name",
            "span.status.message",
            "span.kind.string",
            "span.kind.deprecated_string",
            "span.trace_id.string",
            "span.span_id.string",
            "span.parent_span_id.string",
            "instrumentation_scope.name",
            "instrumentation_scope.version",
        ),
        _TEXT,
    ),
    **dict.fromkeys(("span.trace_id", "span.span_id", "span.parent_span_id"), _ID),
}
_CURES: Mapping[str, str] = {
    "span.kind": "compare it with SPAN_KIND_SERVER or another SPAN_KIND_…, without quotes",
    "span.status.code": "compare it with STATUS_CODE_ERROR, _OK or _UNSET, without quotes",
    "span.trace_id": "compare span.trace_id.string",
    "span.span_id": "compare span.span_id.string",
    "span.parent_span_id": "compare span.parent_span_id.string",
}
_VALUES: Mapping[str, tuple[Operand, ...]] = {
    "span.kind": tuple(range(len(KINDS))),
    "span.status.code": (0, 1, 2),
    "span.kind.string": tuple(name.capitalize() for name in KINDS),
    "span.kind.deprecated_string": tuple(f"SPAN_KIND_{name}" for name in KINDS),
}


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that is certain of a condition, and cannot be meant."""

    offset: int
    """The character of the condition's text that it is about, from 0."""
    message: str


@dataclass(frozen=True, slots=True)
class _Test:
    """A comparison of something with a literal, the literal on the right."""

    key: str
    symbol: str
    value: Operand
    offset: int
    shown: str


def doubts(root: BoolNode, text: str) -> Iterator[Doubt]:
    """Yield what is certain of a condition; `text` is what it was parsed from."""
    match root:
        case Comparison():
            yield from _of_types(root, text)
        case Not():
            yield from doubts(root.operand, text)
        case AllOf():
            parts = _flat(root)
            yield from _of_all(_tests(parts, text))
            for part in parts:
                yield from doubts(part, text)
        case AnyOf():
            yield from _of_any(_tests(root.parts, text))
            for part in root.parts:
                yield from doubts(part, text)
        case Constant() | Truth():
            return


def fact_doubts(root: FactNode) -> Iterator[str]:
    """Yield what is certain of a condition on facts; such conditions know no places."""
    match root:
        case OppositeFact(part):
            yield from fact_doubts(part)
        case AllFacts(parts):
            yield from (doubt.message for doubt in _of_all(_fact_tests(parts)))
            for part in parts:
                yield from fact_doubts(part)
        case AnyFact(parts):
            yield from (doubt.message for doubt in _of_any(_fact_tests(parts)))
            for part in parts:
                yield from fact_doubts(part)
        case _:
            return


def _fact_tests(parts: Sequence[FactNode]) -> list[_Test]:
    found = []
    for part in parts:
        if isinstance(part, TextTest):
            key = f'.dimensions["{part.column.key}"]' if part.column.key else f".{part.column.name}"
            name, value = f"transaction{key}", part.value
            written = "nil" if value is None else f'"{value}"'
            found.append(_Test(name, part.symbol, value, 0, f"{name} {part.symbol} {written}"))
        if isinstance(part, NumberTest):
            name = f"transaction.{part.column.name}"
            limit = None if part.value is None else float(part.value)
            shown = f"{name} {part.symbol} …"
            found.append(_Test(name, part.symbol, limit, 0, shown))
    return found


def fingerprint(node: Node) -> str:
    """Return a text that two nodes share where they mean the same in the same way."""
    match node:
        case Literal() | Constant():
            return f"{type(node.value).__name__} {node.value!r}"
        case Path():
            return f"{node.name} of {node.source}"
        case Call():
            own = node.name + ",".join("-" if part is None else "+" for part in node.arguments)
        case Arithmetic() | Comparison():
            own = node.symbol
        case MapOf():
            own = repr([key for key, _ in node.items])
        case ListOf() | Index() | Negative() | Truth() | Not() | AllOf() | AnyOf():
            own = ""
    return f"{type(node).__name__} {own}({'; '.join(fingerprint(part) for part in children(node))})"


def conjuncts(root: BoolNode) -> frozenset[str]:
    """Return the fingerprints of what a condition asks for, all at once."""
    parts = _flat(root) if isinstance(root, AllOf) else [root]
    return frozenset(fingerprint(part) for part in parts)


def _flat(node: AllOf) -> list[BoolNode]:
    parts: list[BoolNode] = []
    for part in node.parts:
        parts += _flat(part) if isinstance(part, AllOf) else [part]
    return parts


def _of_types(node: Comparison, text: str) -> Iterator[Doubt]:
    """Find a path of one type that is compared with another type, or with no value of its own."""
    (test,) = _tests([node], text) or (None,)
    path = node.left if isinstance(node.left, Path) else node.right
    if test is None or not isinstance(path, Path) or test.value is None:
        return
    expected = _TYPES.get(path.name)
    ends = "always holds" if test.symbol == "!=" else "never holds"
    cure = f"; {_CURES[path.name]}" if path.name in _CURES else ""
    if expected is not None and expected != _type_of(test.value):
        yield Doubt(test.offset, f"{test.shown} {ends}: {path.name} is {expected}{cure}")
    elif path.name in _VALUES and test.symbol in _OPPOSITE and test.value not in _VALUES[path.name]:
        if not cure:
            cure = f"; it is one of {', '.join(map(str, _VALUES[path.name]))}"
        yield Doubt(test.offset, f"{test.shown} {ends}: {path.name} has no such value{cure}")


def _type_of(value: Operand) -> str:
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _INT
    return type(value).__name__


def _tests(parts: Sequence[BoolNode], text: str) -> list[_Test]:
    found = []
    for part in parts:
        turned = isinstance(part, Not)
        node = part.operand if isinstance(part, Not) else part
        if not isinstance(node, Comparison):
            continue
        left, right, symbol = node.left, node.right, node.symbol
        if isinstance(left, Literal):
            left, right, symbol = right, left, _MIRRORED[symbol]
        if isinstance(left, Literal) or not isinstance(right, Literal):
            continue
        if turned:
            if symbol not in _OPPOSITE:
                continue
            symbol = _OPPOSITE[symbol]
        shown = f"{_written(left, text)} {symbol} {_written(right, text)}"
        offset = min(node.left.place.offset, node.right.place.offset)
        found.append(_Test(fingerprint(left), symbol, right.value, offset, shown))
    return found


def _written(node: Node, text: str) -> str:
    return text[node.place.offset : node.place.offset + node.place.length]


def _by_subject(tests: list[_Test]) -> list[list[_Test]]:
    groups: dict[str, list[_Test]] = defaultdict(list)
    for test in tests:
        groups[test.key].append(test)
    return [group for group in groups.values() if len(group) > 1]


def _of_all(tests: list[_Test]) -> Iterator[Doubt]:
    """Find tests of one subject that exclude each other."""
    for group in _by_subject(tests):
        for first, second in combinations(group, 2):
            if _exclude(first, second):
                yield Doubt(
                    second.offset,
                    f"{first.shown} and {second.shown} exclude each other, so this never holds; "
                    "write or, or remove one",
                )
                break


def _of_any(tests: list[_Test]) -> Iterator[Doubt]:
    """Find tests of one subject of which one always holds."""
    for group in _by_subject(tests):
        for first, second in combinations(group, 2):
            if (first.symbol, second.symbol) == ("!=", "!=") and not _holds(
                first.value, "==", second.value
            ):
                yield Doubt(
                    second.offset,
                    f"{first.shown} or {second.shown} always holds; write and",
                )
                break


def _exclude(first: _Test, second: _Test) -> bool:
    if second.symbol == "==":
        first, second = second, first
    if first.symbol == "==":
        return not _holds(first.value, second.symbol, second.value)
    if second.symbol in _LOWER:
        first, second = second, first
    if first.symbol not in _LOWER or second.symbol not in _UPPER:
        return False
    both = first.symbol == ">=" and second.symbol == "<="
    return not _holds(first.value, "<=" if both else "<", second.value)


def _holds(left: Operand, symbol: str, right: Operand) -> bool:
    """Compare two literals; where that errs, assume that it holds."""
    try:
        return compare(left, symbol, right)
    except EvaluationError:
        return True
