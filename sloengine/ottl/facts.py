"""Conditions on stored transactions: the same language over `transaction.` paths."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from sloengine.ottl.compare import OPERATORS, compare
from sloengine.ottl.evaluator import fetch
from sloengine.ottl.factsql import SqlCondition, fact_sql
from sloengine.ottl.facttree import (
    AllFacts,
    AnyFact,
    Column,
    FactNode,
    Number,
    NumberTest,
    OppositeFact,
    Text,
    TextCall,
    TextPair,
    TextTest,
    Verdict,
)
from sloengine.ottl.functions import FUNCTIONS
from sloengine.ottl.lexer import Token
from sloengine.ottl.parser import parse_boolean
from sloengine.ottl.problems import EvaluationError, OttlError, suggestion
from sloengine.ottl.regex import matches
from sloengine.ottl.registry import Function
from sloengine.ottl.tree import (
    AllOf,
    AnyOf,
    BoolNode,
    Call,
    Comparison,
    Constant,
    Field,
    Literal,
    Not,
    Path,
    Place,
    Truth,
    ValueNode,
    walk,
)
from sloengine.ottl.values import Duration, Operand, Value, type_name

OUTCOMES = ("good", "slow", "failed", "abandoned", "excluded", "unknown")
NO_VALUE = "__none__"
"""How a fact spells a dimension without a value; conditions see nil."""
MICROS = 10**6
"""Amounts are kept in millionths."""


class FactView(Protocol):
    """What conditions may see of a fact."""

    @property
    def outcome(self) -> str:
        """How it ended."""
        ...

    @property
    def reason(self) -> str:
        """Why it ended badly; empty where good."""
        ...

    @property
    def start_ns(self) -> int:
        """When the entry began."""
        ...

    @property
    def end_ns(self) -> int:
        """When the entry ended."""
        ...

    @property
    def amount_micros(self) -> int | None:
        """Millionths of its currency."""
        ...

    @property
    def dimensions(self) -> Mapping[str, str]:
        """Raw values; nil is `__none__`."""
        ...


@dataclass(frozen=True, slots=True)
class FactCondition:
    """A condition on one stored transaction. Equal texts over equal facts decide equally."""

    text: str
    reads: frozenset[str] = field(compare=False)
    """Which of outcome, reason, duration, value and dimensions it reads."""
    root: FactNode = field(compare=False, repr=False)

    def evaluate(self, fact: FactView) -> bool:
        """Return whether it holds. What errs, as `HasPrefix` of nil does, does not hold."""
        try:
            return _decide(self.root, fact)
        except EvaluationError:
            return False

    def to_sql(self) -> SqlCondition:
        """Return a boolean SQL expression that is never NULL and agrees with `evaluate`.

        It names the columns `outcome`, `reason`, `start_ns`, `end_ns`, `amount_micros` and
        `dimensions` (MAP(VARCHAR, VARCHAR)); all that the user wrote is in `params`, in the order
        of the `?` marks.
        """
        return fact_sql(self.root)


def parse_fact_condition(text: str, dimensions: Collection[str]) -> FactCondition:
    """Read a condition over a transaction that declares `dimensions`.

    Raises `OttlError` with the place of what is wrong.
    """
    root = parse_boolean(text, _FactNamespace(frozenset(dimensions)))
    reads = {node.name.split(".")[1].split("[")[0] for node in walk(root) if isinstance(node, Path)}
    return FactCondition(text, frozenset(reads), _lower(root))


_COLUMNS = ("outcome", "reason", "duration", "value", "dimensions")


class _FactNamespace:
    def __init__(self, dimensions: frozenset[str]) -> None:
        self._dimensions = dimensions

    @property
    def enums(self) -> Mapping[str, int]:
        return {}

    @property
    def functions(self) -> Mapping[str, Function]:
        return FUNCTIONS_ON_FACTS

    def resolve(self, names: Sequence[Token], keys: Sequence[ValueNode], place: Place) -> ValueNode:
        written = ".".join(token.text for token in names)
        known = [f"transaction.{column}" for column in _COLUMNS]
        if written in _COLUMNS:
            raise OttlError(
                f"{written} needs to say of what; write transaction.{written}",
                place.offset,
                place.length,
            )
        if written not in known:
            hint = suggestion(written, known) or f"; known are {', '.join(known)}"
            raise OttlError(f"{written} is no path here{hint}", place.offset, len(written))
        column = written.removeprefix("transaction.")
        if column != "dimensions":
            if keys:
                raise OttlError(f"{written} cannot be indexed", place.offset, place.length)
            return Path(written, Field(written), _unread, place)
        return self._dimension(written, keys, place)

    def _dimension(self, written: str, keys: Sequence[ValueNode], place: Place) -> Path:
        key = keys[0].value if len(keys) == 1 and isinstance(keys[0], Literal) else None
        if not isinstance(key, str):
            raise OttlError(
                'dimensions are looked up by one written string, as in ["tier"]',
                place.offset,
                place.length,
            )
        if key not in self._dimensions:
            names = ", ".join(sorted(self._dimensions)) or "none"
            hint = suggestion(key, self._dimensions) or f"; declared are: {names}"
            raise OttlError(
                f'the transaction declares no dimension "{key}"{hint}',
                keys[0].place.offset,
                keys[0].place.length,
            )
        return Path(f'{written}["{key}"]', Field(written, key, has_key=True), _unread, place)


def _unread(_value: Value) -> Operand:
    raise AssertionError("facts are read through their columns")


TEXT_CALLS = ("HasPrefix", "HasSuffix", "IsMatch")
FUNCTIONS_ON_FACTS: Mapping[str, Function] = {
    name: FUNCTIONS[name] for name in ("Duration", *TEXT_CALLS)
}

_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _lower(node: BoolNode) -> FactNode:
    """Turn the general tree into one that knows columns, and refuse what SQL could not say."""
    match node:
        case Constant():
            return Verdict(node.value)
        case Not():
            return OppositeFact(_lower(node.operand))
        case AllOf():
            return AllFacts(tuple(_lower(part) for part in node.parts))
        case AnyOf():
            return AnyFact(tuple(_lower(part) for part in node.parts))
        case Truth():
            return _lower_call(node)
        case Comparison():
            return _lower_comparison(node)


def _lower_call(node: Truth) -> FactNode:
    call = node.call
    if not isinstance(call, Call) or call.name not in TEXT_CALLS:
        raise OttlError("this is no condition; compare it", node.place.offset, node.place.length)
    target, argument = [part for part in call.arguments if part is not None]
    column, wanted = _column(target), _constant(argument)
    if not isinstance(column, Text):
        raise OttlError(
            f"{call.name} needs transaction.outcome, .reason or .dimensions here",
            target.place.offset,
            target.place.length,
        )
    if not isinstance(wanted, str):
        raise OttlError(
            f"{call.name} needs a written string here",
            argument.place.offset,
            argument.place.length,
        )
    return TextCall(call.name, column, wanted)


def _lower_comparison(node: Comparison) -> FactNode:
    left, right = _column(node.left), _column(node.right)
    if isinstance(left, Text) and isinstance(right, Text):
        return TextPair(left, node.symbol, right)
    if left is not None and right is not None:
        raise OttlError(
            "numbers of a transaction cannot be compared with each other; compare with a literal",
            node.place.offset,
            node.place.length,
        )
    if left is not None:
        return _lower_literal(left, node.symbol, node.right)
    if right is not None:
        return _lower_literal(right, _MIRRORED[node.symbol], node.left)
    return Verdict(compare(_constant(node.left), node.symbol, _constant(node.right)))


def _lower_literal(column: Column, symbol: str, node: ValueNode) -> FactNode:
    value = _constant(node)
    match column, value:
        case Text(), str():
            _check_text(column, value, node.place)
            return TextTest(column, symbol, value)
        case Text(), None:
            return TextTest(column, symbol, None)
        case Number(), None:
            return NumberTest(column, symbol, None)
        case Number("duration"), Duration():
            return NumberTest(column, symbol, Fraction(value.ns))
        case Number(), int() | float() if not isinstance(value, bool):
            exact = _exact(node, value)
            return NumberTest(column, symbol, exact * MICROS if column.name == "value" else exact)
        case _:
            raise OttlError(
                f"transaction.{column.name} can never equal a {type_name(value)}; "
                f"{_ADVICE[column.name]}",
                node.place.offset,
                node.place.length,
            )


_ADVICE = {
    "outcome": 'compare it with a string, as in == "good"',
    "reason": "compare it with a string",
    "dimensions": "compare it with a string; facts keep dimensions as text",
    "duration": 'compare it with Duration("4s") or whole nanoseconds',
    "value": "compare it with a number of currency units, as in > 19.99",
}


def _check_text(column: Text, value: str, place: Place) -> None:
    if column.name == "outcome" and value not in OUTCOMES:
        hint = suggestion(value, OUTCOMES) or f"; outcomes are {', '.join(OUTCOMES)}"
        raise OttlError(f'"{value}" is no outcome{hint}', place.offset, place.length)
    if column.name == "dimensions" and value == NO_VALUE:
        raise OttlError(
            f'"{NO_VALUE}" is how reports write a dimension without a value; write nil',
            place.offset,
            place.length,
        )


def _column(node: ValueNode) -> Column | None:
    """Return the column that a node is, `None` for a node without a path; refuse the rest."""
    match node:
        case Path(source=source):
            name = source.path.removeprefix("transaction.")
            return Number(name) if name in ("duration", "value") else Text(name, source.key)
        case _:
            if any(isinstance(below, Path) for below in walk(node)):
                raise OttlError(
                    "nothing can be calculated from a transaction's values here; compare them "
                    "with literals",
                    node.place.offset,
                    node.place.length,
                )
            return None


def _constant(node: ValueNode) -> Operand:
    try:
        return fetch(node, {})
    except EvaluationError as exc:
        raise OttlError(
            f"this can never work: {exc}", node.place.offset, node.place.length
        ) from exc


def _exact(node: ValueNode, value: float) -> Fraction:
    """Return a literal as it was written, 19.99 as 1999/100 and not as the nearest double."""
    if value != value or value in (float("inf"), float("-inf")):
        raise OttlError("a finite number is needed", node.place.offset, node.place.length)
    if isinstance(node, Literal) and isinstance(value, float) and 1e-300 < abs(value) < 1e300:
        return Fraction(Decimal("".join(node.text.split())))
    return Fraction(value)


def _decide(node: FactNode, fact: FactView) -> bool:
    match node:
        case Verdict():
            return node.holds
        case OppositeFact():
            return not _decide(node.part, fact)
        case AllFacts():
            return all(_decide(part, fact) for part in node.parts)
        case AnyFact():
            return any(_decide(part, fact) for part in node.parts)
        case TextPair():
            return compare(_text(node.left, fact), node.symbol, _text(node.right, fact))
        case TextTest():
            return compare(_text(node.column, fact), node.symbol, node.value)
        case TextCall():
            return _decide_call(node, _text(node.column, fact))
        case NumberTest():
            return _decide_number(node, fact)


def _decide_call(node: TextCall, text: str | None) -> bool:
    if node.function == "IsMatch":
        return text is not None and matches(node.argument, text)
    if text is None:
        raise EvaluationError(f"{node.function} needs a string, not nil")
    if node.function == "HasPrefix":
        return text.startswith(node.argument)
    return text.endswith(node.argument)


def _decide_number(node: NumberTest, fact: FactView) -> bool:
    number = fact.end_ns - fact.start_ns if node.column.name == "duration" else fact.amount_micros
    if number is None or node.value is None:
        both = number is None and node.value is None
        return compare(None, node.symbol, None if both else 0)
    return OPERATORS[node.symbol](number, node.value)


def _text(column: Text, fact: FactView) -> str | None:
    match column.name:
        case "outcome":
            return fact.outcome
        case "reason":
            return fact.reason
        case _:
            value = fact.dimensions.get(column.key)
            return None if value == NO_VALUE else value
