"""The typed tree of an expression. Immutable; every node can say where it stands in the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sloengine.ottl.values import Operand, Value

if TYPE_CHECKING:
    from sloengine.ottl.registry import Function


@dataclass(frozen=True, slots=True, order=True)
class Field:
    """One projected input of expressions.

    `path` is what the decoder must read. Where it ends in `attributes`, `key` names the one
    attribute that is wanted, or the whole map is wanted (`has_key` is false). A key may be the
    empty string.
    """

    path: str
    key: str = ""
    has_key: bool = False

    def __str__(self) -> str:
        return f'{self.path}["{self.key}"]' if self.has_key else self.path


Values = Mapping[Field, Value]
"""What a span (or a fact) holds; a field that is missing is nil."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands in the text, in characters from 0."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written out; lists and maps of literals too."""

    value: Operand
    text: str
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list with at least one item that is not a literal."""

    items: tuple[ValueNode, ...]
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map with at least one value that is not a literal."""

    items: tuple[tuple[str, ValueNode], ...]
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Path:
    """A field of the span. `read` turns what was projected into what the path means."""

    name: str
    source: Field
    read: Callable[[Value], Operand] = field(compare=False)
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Index:
    """An element of a list or a map. `checked` keys came straight after a function call."""

    target: ValueNode
    keys: tuple[ValueNode, ...]
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments in the order of its parameters; `None` was left out."""

    function: Function = field(compare=False)
    name: str
    arguments: tuple[ValueNode | None, ...]
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """Unary minus on something that is not a literal."""

    operand: ValueNode
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """One of `+ - * /`."""

    symbol: str
    left: ValueNode
    right: ValueNode
    place: Place = field(compare=False)


ValueNode = Literal | ListOf | MapOf | Path | Index | Call | Negative | Arithmetic


@dataclass(frozen=True, slots=True)
class Constant:
    """`true` or `false`, or what literals alone decided."""

    value: bool
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left symbol right`."""

    symbol: str
    left: ValueNode
    right: ValueNode
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Truth:
    """A function whose result stands as a condition by itself; it must be a bool."""

    call: Call | Index
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; an error stays an error."""

    operand: BoolNode
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class AllOf:
    """`and`, from left to right until one part is false or errs."""

    parts: tuple[BoolNode, ...]
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`or`, from left to right until one part is true or errs."""

    parts: tuple[BoolNode, ...]
    place: Place = field(compare=False)


BoolNode = Constant | Comparison | Truth | Not | AllOf | AnyOf
Node = ValueNode | BoolNode


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes right below `node`, from left to right."""
    match node:
        case Literal() | Path() | Constant():
            return ()
        case ListOf(items):
            return items
        case MapOf(pairs):
            return tuple(value for _, value in pairs)
        case Index(target, keys):
            return (target, *keys)
        case Call():
            return tuple(argument for argument in node.arguments if argument is not None)
        case Negative(operand):
            return (operand,)
        case Not(part):
            return (part,)
        case Truth(call):
            return (call,)
        case Arithmetic() | Comparison():
            return (node.left, node.right)
        case AllOf(parts) | AnyOf(parts):
            return parts


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and everything below it, parents first, from left to right."""
    yield node
    for child in children(node):
        yield from walk(child)
