"""What the rest of the engine holds in its hands: parsed conditions and value expressions."""

from __future__ import annotations

from dataclasses import dataclass, field

from sloengine.ottl.evaluator import decide, fetch
from sloengine.ottl.parser import parse_boolean, parse_operand
from sloengine.ottl.paths import COUNTED_PATHS, SpanNamespace
from sloengine.ottl.problems import EvaluationError, OttlError
from sloengine.ottl.tree import BoolNode, Call, Field, Node, Path, ValueNode, Values, walk
from sloengine.ottl.values import Duration, Instant, Operand, Value, type_name

_SPAN = SpanNamespace()


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one span. Equal texts are equal conditions."""

    text: str
    fields: tuple[Field, ...] = field(compare=False)
    """What it reads, in order and without repeats."""
    root: BoolNode = field(compare=False, repr=False)

    def evaluate(self, values: Values) -> bool:
        """Return whether it holds; a field that is missing from `values` is nil.

        Raises `EvaluationError` for the third state.
        """
        return decide(self.root, values)

    def outcome(self, values: Values) -> bool | None:
        """Return whether it holds; `None` for the third state."""
        try:
            return decide(self.root, values)
        except EvaluationError:
            return None


@dataclass(frozen=True, slots=True)
class ValueExpression:
    """An expression for a value of one span. Equal texts are equal expressions."""

    text: str
    fields: tuple[Field, ...] = field(compare=False)
    """What it reads, in order and without repeats."""
    root: ValueNode = field(compare=False, repr=False)

    def evaluate(self, values: Values) -> Value:
        """Return the value; a field that is missing from `values` is nil.

        Raises `EvaluationError` for the third state, and where the value is a time or a duration:
        those are for comparing only.
        """
        return _plain(fetch(self.root, values))


def parse_condition(text: str) -> Condition:
    """Read a condition over `span.`, `resource.` and `instrumentation_scope.` paths.

    Raises `OttlError` with the place of what is wrong.
    """
    root = parse_boolean(text, _SPAN)
    _check_counted(root)
    return Condition(text, fields_of(root), root)


def parse_value(text: str) -> ValueExpression:
    """Read a value expression: a path, a function, a literal, arithmetic.

    Raises `OttlError` with the place of what is wrong.
    """
    root = parse_operand(text, _SPAN)
    _check_counted(root)
    return ValueExpression(text, fields_of(root), root)


def fields_of(root: Node) -> tuple[Field, ...]:
    """Return the fields that a tree reads, in order and without repeats."""
    return tuple(sorted({node.source for node in walk(root) if isinstance(node, Path)}))


def _check_counted(root: Node) -> None:
    """Refuse events and links anywhere but where they are counted."""
    counted = {
        id(argument)
        for node in walk(root)
        if isinstance(node, Call) and node.name in ("Len", "IsEmpty", "IsList")
        for argument in node.arguments
    }
    for node in walk(root):
        if isinstance(node, Path) and node.name in COUNTED_PATHS and id(node) not in counted:
            raise OttlError(
                f"{node.name} can only be counted; write Len({node.name})",
                node.place.offset,
                node.place.length,
            )


def _plain(value: Operand) -> Value:
    match value:
        case Duration() | Instant():
            raise EvaluationError(
                f"a {type_name(value)} is no value; write Nanoseconds(…) or UnixNano(…)"
            )
        case tuple() | list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case _:
            return value
