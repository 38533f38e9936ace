"""Tokens to a typed tree: recursive descent, one token of look-ahead, no backtracking.

```
or         = and { "or" and }
and        = not { "and" not }
not        = [ "not" ] comparison
comparison = sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum ]
sum        = product { ("+" | "-") product }
product    = unary { ("*" | "/") unary }
unary      = [ "+" | "-" ] primary
primary    = "(" or ")" | literal | list | map | enum | path | call
```

One rule reads both conditions and values; which of the two an operand is gets checked where it is
used, so that `(a + 1) * 2 == 4` and `(a == 1) or b == 2` need no second reading.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from sloengine.ottl.arithmetic import negate
from sloengine.ottl.calls import check_call
from sloengine.ottl.compare import compare
from sloengine.ottl.cursor import Cursor, error_at, error_node
from sloengine.ottl.evaluator import storable
from sloengine.ottl.lexer import Kind, Token, unquote
from sloengine.ottl.problems import OttlError, suggestion
from sloengine.ottl.registry import Function
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
    Place,
    Truth,
    ValueNode,
)
from sloengine.ottl.values import INT_MAX, Operand

MAX_DEPTH = 40
"""Deepest nesting of parentheses, calls, lists, maps and indexes."""
MAX_OPERATORS = 200
"""Most arithmetic operators in one expression."""


class Namespace(Protocol):
    """The names that an expression may use."""

    @property
    def enums(self) -> Mapping[str, int]:
        """Symbols in capitals and their values."""
        ...

    @property
    def functions(self) -> Mapping[str, Function]:
        """Functions by name."""
        ...

    def resolve(self, names: Sequence[Token], keys: Sequence[ValueNode], place: Place) -> ValueNode:
        """Return the node of a path, or raise `OttlError` that says what to write instead."""
        ...


def parse_boolean(text: str, namespace: Namespace) -> BoolNode:
    """Read `text` as a condition. Raises `OttlError`."""
    return _Parser(text, namespace).condition()


def parse_operand(text: str, namespace: Namespace) -> ValueNode:
    """Read `text` as a value expression. Raises `OttlError`."""
    return _Parser(text, namespace).value()


class _Parser(Cursor):
    def __init__(self, text: str, namespace: Namespace) -> None:
        super().__init__(text)
        self._namespace = namespace
        self._depth = 0
        self._operators = 0

    # Entrances

    def condition(self) -> BoolNode:
        return self._as_condition(self._whole())

    def value(self) -> ValueNode:
        return self._as_value(self._whole())

    def _whole(self) -> Node:
        if self.at(Kind.END):
            raise OttlError("the expression is empty", 0, 0)
        node = self._or()
        if not self.at(Kind.END):
            raise self._unexpected_after(node)
        return node

    # Conditions

    def _or(self) -> Node:
        return self._chain("or", self._and, _fold_or)

    def _and(self) -> Node:
        return self._chain("and", self._not, _fold_and)

    def _chain(
        self,
        word: str,
        part: Callable[[], Node],
        fold: Callable[[tuple[BoolNode, ...], Place], BoolNode],
    ) -> Node:
        start = self.token.offset
        first = part()
        if not self.at(Kind.KEYWORD, word):
            return first
        parts = [self._as_condition(first)]
        while self.accept(Kind.KEYWORD, word):
            parts.append(self._as_condition(part()))
        return fold(tuple(parts), self.since(start))

    def _not(self) -> Node:
        start = self.token
        if not self.accept(Kind.KEYWORD, "not"):
            return self._comparison()
        if self.at(Kind.KEYWORD, "not"):
            raise self.error("two nots in a row; leave out both, or use parentheses")
        operand = self._as_condition(self._comparison())
        place = self.since(start.offset)
        if isinstance(operand, Constant):
            return Constant(not operand.value, place)
        return Not(operand, place)

    def _comparison(self) -> Node:
        start = self.token.offset
        left = self._sum()
        operator = self.accept(Kind.COMPARISON)
        if operator is None:
            return left
        left_value = self._as_value(left)
        right_value = self._as_value(self._sum())
        if self.at(Kind.COMPARISON):
            raise self.error("comparisons cannot be chained; join two with and")
        place = self.since(start)
        if isinstance(left_value, Literal) and isinstance(right_value, Literal):
            return Constant(compare(left_value.value, operator.text, right_value.value), place)
        return Comparison(operator.text, left_value, right_value, place)

    # Arithmetic

    def _sum(self) -> Node:
        return self._operators_of(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._operators_of(("*", "/"), self._unary)

    def _operators_of(self, symbols: tuple[str, str], part: Callable[[], Node]) -> Node:
        start = self.token.offset
        node = part()
        while self.token.kind is Kind.OPERATOR and self.token.text in symbols:
            operator = self.advance()
            self._operators += 1
            if self._operators > MAX_OPERATORS:
                raise OttlError(
                    f"more than {MAX_OPERATORS} arithmetic operators in one expression",
                    operator.offset,
                )
            left = self._as_number(node)
            node = Arithmetic(operator.text, left, self._as_number(part()), self.since(start))
        return node

    def _unary(self) -> Node:
        sign = self.token
        if not (sign.kind is Kind.OPERATOR and sign.text in "+-"):
            return self._primary()
        self.advance()
        if self.token.kind is Kind.OPERATOR:
            raise self.error(f"{self.token.text} cannot follow {sign.text}; one sign is enough")
        operand = self._as_number(self._primary())
        place = self.since(sign.offset)
        if isinstance(operand, Literal):
            value = operand.value if sign.text == "+" else negate(operand.value)
            return Literal(value, self.slice(place), place)
        return operand if sign.text == "+" else Negative(operand, place)

    # Operands

    def _primary(self) -> Node:
        token = self.token
        match token.kind:
            case Kind.STRING:
                self.advance()
                return self._literal(unquote(token), token)
            case Kind.INT | Kind.FLOAT:
                self.advance()
                return self._literal(_number(token), token)
            case Kind.BYTES:
                self.advance()
                return self._literal(_bytes(token), token)
            case Kind.KEYWORD if token.text in ("true", "false", "nil"):
                self.advance()
                value = None if token.text == "nil" else token.text == "true"
                return self._literal(value, token)
            case Kind.UPPER:
                return self._call_or_enum()
            case Kind.LOWER:
                return self._path()
            case Kind.MARK if token.text in "([{":
                return self._nested({"(": self._group, "[": self._list, "{": self._map}[token.text])
            case Kind.END:
                raise self.error("the expression ends here, where a value should stand")
            case _:
                raise self.error(f"{token.text} cannot stand here; a value should")

    def _nested(self, rule: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} deep; write it flatter")
        node = rule()
        self._depth -= 1
        return node

    def _group(self) -> Node:
        opening = self.advance()
        node = self._or()
        if not self.accept(Kind.MARK, ")"):
            if self.token.kind is Kind.END:
                raise self.error(f"the ( at character {opening.offset + 1} is never closed; add )")
            raise self._unexpected_after(node)
        match node:
            case Literal(value=bool()):
                return Constant(bool(node.value), node.place)
            case Literal() | ListOf() | MapOf():
                return self._as_number(node)
            case _:
                return node

    def _list(self) -> Node:
        opening = self.advance()
        items: list[ValueNode] = []
        while not self.at(Kind.MARK, "]", ","):
            self.refuse_end(opening)
            items.append(self._as_value(self._sum()))
        while self.accept(Kind.MARK, ","):
            items.append(self._as_value(self._sum()))
        self.expect("]", "a list", opening)
        place = self.since(opening.offset)
        if literals := _literals(items):
            return Literal(tuple(item.value for item in literals), self.slice(place), place)
        if not items:
            return Literal((), self.slice(place), place)
        return ListOf(tuple(items), place)

    def _map(self) -> Node:
        opening = self.advance()
        items: dict[str, ValueNode] = {}
        while not self.at(Kind.MARK, "}"):
            self.refuse_end(opening)
            if self.token.kind is not Kind.STRING:
                raise self.error('a map key is a string in double quotes, as in {"key": 1}')
            key = unquote(self.advance())
            if not self.accept(Kind.MARK, ":"):
                raise self.error("a : belongs between a map's key and its value")
            items[key] = self._as_value(self._sum())
            self.accept(Kind.MARK, ",")
        self.expect("}", "a map", opening)
        place = self.since(opening.offset)
        literals = _literals(list(items.values()))
        if literals is None:
            return MapOf(tuple(items.items()), place)
        pairs = zip(items, literals, strict=True)
        return Literal({key: storable(item.value) for key, item in pairs}, self.slice(place), place)

    def _path(self) -> Node:
        names = [self.advance()]
        if self.at(Kind.MARK, "("):
            raise self._not_a_function(names[0].text, names[0].offset)
        if self.at(Kind.UPPER) and self.token.offset == names[0].end:
            raise self._not_a_function(names[0].text + self.token.text, names[0].offset)
        keys = self._keys()
        while self.accept(Kind.MARK, "."):
            if keys:
                raise self.error(f"nothing can follow an index here; remove .{self.token.text}")
            if self.token.kind not in (Kind.LOWER, Kind.KEYWORD):
                raise self.error("a path goes on with lower-case letters, as in span.name")
            names.append(self.advance())
            keys = self._keys()
        return self._namespace.resolve(names, keys, self.since(names[0].offset))

    def _keys(self) -> list[ValueNode]:
        keys: list[ValueNode] = []
        while self.at(Kind.MARK, "["):
            self._nested(lambda: self._key(keys))
        return keys

    def _key(self, keys: list[ValueNode]) -> Node:
        opening = self.advance()
        if self.token.kind is Kind.END:
            self.refuse_end(opening)
        node = self._unary()
        is_string = isinstance(node, Literal) and isinstance(node.value, str)
        key = self._as_value(node) if is_string else self._as_number(node)
        self.expect("]", "an index", opening)
        keys.append(key)
        return key

    # Calls

    def _call_or_enum(self) -> Node:
        token = self.advance()
        if self.at(Kind.MARK, "("):
            return self._nested(lambda: self._call(token))
        enums, functions = self._namespace.enums, self._namespace.functions
        if token.text in enums:
            return self._literal(enums[token.text], token)
        if token.text in functions:
            raise error_at(token, f"{token.text} is a function; call it: {token.text}()")
        hint = suggestion(token.text, enums) or f"; known are {', '.join(sorted(enums)) or 'none'}"
        raise error_at(token, f"{token.text} is no known name{hint}")

    def _not_a_function(self, word: str, offset: int) -> OttlError:
        functions = self._namespace.functions
        hint = suggestion(word, functions) or suggestion(word.replace("_", ""), functions)
        return OttlError(
            f"{word} is neither a path (lower case) nor a function (capital first){hint}",
            offset,
            len(word),
        )

    def _call(self, name: Token) -> Node:
        functions = self._namespace.functions
        function = functions.get(name.text)
        if function is None:
            known = ", ".join(sorted(functions))
            hint = suggestion(name.text, functions)
            raise error_at(
                name,
                f"{name.text} is no supported function{hint or '; use one of'}"
                + (" Supported are " if hint else " ")
                + known,
            )
        opening = self.advance()
        given: dict[str, ValueNode] = {}
        named = False
        while not self.at(Kind.MARK, ")"):
            self.refuse_end(opening)
            named = self._argument(function, given, named=named) or named
            if not self.accept(Kind.MARK, ","):
                break
            if self.at(Kind.MARK, ")"):
                raise self.error("an argument should follow the comma")
        self.expect(")", "a call", opening)
        place = self.since(name.offset)
        for parameter in function.parameters:
            if parameter.path:
                given[parameter.name] = self._hidden(parameter.path, place)
            if parameter.name not in given and not parameter.optional:
                raise OttlError(
                    f"{name.text} lacks its argument {parameter.name}; write {function.signature}",
                    place.offset,
                    place.length,
                )
        arguments = tuple(given.get(parameter.name) for parameter in function.parameters)
        call = Call(function, function.name, arguments, place)
        check_call(call)
        keys = self._keys()
        return Index(call, tuple(keys), self.since(name.offset)) if keys else call

    def _hidden(self, path: str, place: Place) -> ValueNode:
        names = [Token(Kind.LOWER, name, place.offset) for name in path.split(".")]
        return self._namespace.resolve(names, (), place)

    def _argument(self, function: Function, given: dict[str, ValueNode], *, named: bool) -> bool:
        """Read one argument into `given`; return whether it was named."""
        token = self.token
        is_named = token.kind is Kind.LOWER and self.following.text == "="
        names = [parameter.name for parameter in function.parameters if not parameter.path]
        if is_named:
            self.advance()
            self.advance()
            if token.text not in names:
                hint = suggestion(token.text, names)
                raise error_at(
                    token,
                    f"{function.name} has no parameter {token.text}{hint}; "
                    f"write {function.signature}",
                )
            if token.text in given:
                raise error_at(token, f"{token.text} is given twice")
            name = token.text
        elif named:
            raise error_at(token, "an argument without a name cannot follow one with a name")
        elif len(given) == len(names):
            raise error_at(token, f"too many arguments; write {function.signature}")
        else:
            name = names[len(given)]
        given[name] = self._as_value(self._sum())
        return is_named

    # What was read

    def _literal(self, value: Operand, token: Token) -> Literal:
        return Literal(value, token.text, Place(token.offset, len(token.text)))

    def _unexpected_after(self, node: Node) -> OttlError:
        token = self.token
        if token.text == "=":
            return self.error("= compares nothing; write ==")
        if token.text in ("AND", "OR", "NOT"):
            return self.error(f"write {token.text.lower()} in lower case")
        if token.text in ("(", "[") and isinstance(node, Literal):
            return self.error(f"{self.shown(node.place)} cannot be followed by {token.text}")
        return self.error(f"{token.text} cannot stand here; and, or, or a comparison should")

    def _as_condition(self, node: Node) -> BoolNode:
        match node:
            case Literal(value=bool()):
                return Constant(bool(node.value), node.place)
            case Call() | Index(target=Call()):
                return Truth(node, node.place)
            case Path() | Index():
                raise error_node(
                    node,
                    f"a path alone is no condition; compare it: {self.shown(node.place)} == true",
                )
            case Literal() | ListOf() | MapOf() | Arithmetic() | Negative():
                raise error_node(
                    node,
                    f"{self.shown(node.place)} is a value, not a condition; compare it with one",
                )
            case _:
                return node

    def _as_value(self, node: Node) -> ValueNode:
        match node:
            case Constant() | Comparison() | Truth() | Not() | AllOf() | AnyOf():
                raise error_node(
                    node,
                    f"{self.shown(node.place)} is a condition where a value should stand; "
                    "join conditions with and, or",
                )
            case _:
                return node

    def _as_number(self, node: Node) -> ValueNode:
        """Refuse what can never be calculated with: strings, enums, lists."""
        match node:
            case Literal() if type(node.value) in (int, float) and not node.text[0].isalpha():
                return node
            case Literal() | ListOf() | MapOf():
                raise error_node(
                    node,
                    f"{self.shown(node.place)} can stand neither in parentheses, nor as an index, "
                    "nor beside + - * /; only numbers, paths and calls can",
                )
            case _:
                return self._as_value(node)


def _number(token: Token) -> int | float:
    if token.kind is Kind.FLOAT:
        value = float(token.text)
        if math.isinf(value):
            raise OttlError(
                f"{token.text} is too large for a double", token.offset, len(token.text)
            )
        return value
    number = int(token.text) if len(token.text) <= 40 else INT_MAX + 1
    if number > INT_MAX:
        raise OttlError(
            f"{token.text} is too large for a 64-bit integer; the largest is {INT_MAX}",
            token.offset,
            len(token.text),
        )
    return number


def _bytes(token: Token) -> bytes:
    digits = token.text[2:]
    if len(digits) % 2:
        raise OttlError(
            f"{token.text} has an odd number of digits; write 0x0{digits}",
            token.offset,
            len(token.text),
        )
    return bytes.fromhex(digits)


def _literals(items: Sequence[ValueNode]) -> list[Literal] | None:
    literals = [item for item in items if isinstance(item, Literal)]
    return literals if len(literals) == len(items) else None


def _fold_and(parts: tuple[BoolNode, ...], place: Place) -> BoolNode:
    return _fold(parts, place, decisive=False, join=AllOf)


def _fold_or(parts: tuple[BoolNode, ...], place: Place) -> BoolNode:
    return _fold(parts, place, decisive=True, join=AnyOf)


def _fold(
    parts: tuple[BoolNode, ...],
    place: Place,
    *,
    decisive: bool,
    join: Callable[[tuple[BoolNode, ...], Place], BoolNode],
) -> BoolNode:
    """Drop constants; one that decides makes the whole a constant, whatever may err beside it."""
    open_parts = tuple(part for part in parts if not isinstance(part, Constant))
    if any(isinstance(part, Constant) and part.value is decisive for part in parts):
        return Constant(decisive, place)
    if not open_parts:
        return Constant(not decisive, place)
    return open_parts[0] if len(open_parts) == 1 else join(open_parts, place)
