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
from sloengine.ottl.compare import compare
from sloengine.ottl.evaluator import storable
from sloengine.ottl.lexer import Kind, Token, tokenize, unquote
from sloengine.ottl.problems import EvaluationError, OttlError, suggestion
from sloengine.ottl.registry import Function, Getter
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
from sloengine.ottl.values import INT_MAX, Operand, type_name

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


class _Parser:
    def __init__(self, text: str, namespace: Namespace) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._next = 0
        self._namespace = namespace
        self._depth = 0
        self._operators = 0

    # Entrances

    def condition(self) -> BoolNode:
        return self._as_condition(self._whole())

    def value(self) -> ValueNode:
        return self._as_value(self._whole())

    def _whole(self) -> Node:
        if self._at(Kind.END):
            raise OttlError("the expression is empty", 0, 0)
        node = self._or()
        if not self._at(Kind.END):
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
        start = self._token.offset
        first = part()
        if not self._at(Kind.KEYWORD, word):
            return first
        parts = [self._as_condition(first)]
        while self._accept(Kind.KEYWORD, word):
            parts.append(self._as_condition(part()))
        return fold(tuple(parts), self._since(start))

    def _not(self) -> Node:
        start = self._token
        if not self._accept(Kind.KEYWORD, "not"):
            return self._comparison()
        if self._at(Kind.KEYWORD, "not"):
            raise self._error("two nots in a row; leave out both, or use parentheses")
        operand = self._as_condition(self._comparison())
        place = self._since(start.offset)
        if isinstance(operand, Constant):
            return Constant(not operand.value, place)
        return Not(operand, place)

    def _comparison(self) -> Node:
        start = self._token.offset
        left = self._sum()
        operator = self._accept(Kind.COMPARISON)
        if operator is None:
            return left
        left_value = self._as_value(left)
        right_value = self._as_value(self._sum())
        if self._at(Kind.COMPARISON):
            raise self._error("comparisons cannot be chained; join two with and")
        place = self._since(start)
        if isinstance(left_value, Literal) and isinstance(right_value, Literal):
            return Constant(compare(left_value.value, operator.text, right_value.value), place)
        return Comparison(operator.text, left_value, right_value, place)

    # Arithmetic

    def _sum(self) -> Node:
        return self._operators_of(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._operators_of(("*", "/"), self._unary)

    def _operators_of(self, symbols: tuple[str, str], part: Callable[[], Node]) -> Node:
        start = self._token.offset
        node = part()
        while self._token.kind is Kind.OPERATOR and self._token.text in symbols:
            operator = self._advance()
            self._operators += 1
            if self._operators > MAX_OPERATORS:
                raise OttlError(
                    f"more than {MAX_OPERATORS} arithmetic operators in one expression",
                    operator.offset,
                )
            left = self._as_number(node)
            node = Arithmetic(operator.text, left, self._as_number(part()), self._since(start))
        return node

    def _unary(self) -> Node:
        sign = self._token
        if not (sign.kind is Kind.OPERATOR and sign.text in "+-"):
            return self._primary()
        self._advance()
        if self._token.kind is Kind.OPERATOR:
            raise self._error(f"{self._token.text} cannot follow {sign.text}; one sign is enough")
        operand = self._as_number(self._primary())
        place = self._since(sign.offset)
        if isinstance(operand, Literal):
            value = operand.value if sign.text == "+" else negate(operand.value)
            return Literal(value, self._slice(place), place)
        return operand if sign.text == "+" else Negative(operand, place)

    # Operands

    def _primary(self) -> Node:
        token = self._token
        match token.kind:
            case Kind.STRING:
                self._advance()
                return self._literal(unquote(token), token)
            case Kind.INT | Kind.FLOAT:
                self._advance()
                return self._literal(_number(token), token)
            case Kind.BYTES:
                self._advance()
                return self._literal(_bytes(token), token)
            case Kind.KEYWORD if token.text in ("true", "false", "nil"):
                self._advance()
                value = None if token.text == "nil" else token.text == "true"
                return self._literal(value, token)
            case Kind.UPPER:
                return self._call_or_enum()
            case Kind.LOWER:
                return self._path()
            case Kind.MARK if token.text in "([{":
                return self._nested({"(": self._group, "[": self._list, "{": self._map}[token.text])
            case Kind.END:
                raise self._error("the expression ends here, where a value should stand")
            case _:
                raise self._error(f"{token.text} cannot stand here; a value should")

    def _nested(self, rule: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"nested more than {MAX_DEPTH} deep; write it flatter")
        node = rule()
        self._depth -= 1
        return node

    def _group(self) -> Node:
        opening = self._advance()
        node = self._or()
        if not self._accept(Kind.MARK, ")"):
            if self._token.kind is Kind.END:
                raise self._error(f"the ( at character {opening.offset + 1} is never closed; add )")
            raise self._unexpected_after(node)
        match node:
            case Literal(value=bool()):
                return Constant(bool(node.value), node.place)
            case Literal() | ListOf() | MapOf():
                return self._as_number(node)
            case _:
                return node

    def _list(self) -> Node:
        opening = self._advance()
        items: list[ValueNode] = []
        while not self._at(Kind.MARK, "]", ","):
            self._refuse_end(opening)
            items.append(self._as_value(self._sum()))
        while self._accept(Kind.MARK, ","):
            items.append(self._as_value(self._sum()))
        self._expect("]", "a list", opening)
        place = self._since(opening.offset)
        if literals := _literals(items):
            return Literal(tuple(item.value for item in literals), self._slice(place), place)
        if not items:
            return Literal((), self._slice(place), place)
        return ListOf(tuple(items), place)

    def _map(self) -> Node:
        opening = self._advance()
        items: dict[str, ValueNode] = {}
        while not self._at(Kind.MARK, "}"):
            self._refuse_end(opening)
            if self._token.kind is not Kind.STRING:
                raise self._error('a map key is a string in double quotes, as in {"key": 1}')
            key = unquote(self._advance())
            if not self._accept(Kind.MARK, ":"):
                raise self._error("a : belongs between a map's key and its value")
            items[key] = self._as_value(self._sum())
            self._accept(Kind.MARK, ",")
        self._expect("}", "a map", opening)
        place = self._since(opening.offset)
        literals = _literals(list(items.values()))
        if literals is None:
            return MapOf(tuple(items.items()), place)
        pairs = zip(items, literals, strict=True)
        return Literal(
            {key: storable(item.value) for key, item in pairs}, self._slice(place), place
        )

    def _path(self) -> Node:
        names = [self._advance()]
        if self._at(Kind.MARK, "("):
            raise self._not_a_function(names[0])
        keys = self._keys()
        while self._accept(Kind.MARK, "."):
            if keys:
                raise self._error(f"nothing can follow an index here; remove .{self._token.text}")
            if self._token.kind not in (Kind.LOWER, Kind.KEYWORD):
                raise self._error("a path goes on with lower-case letters, as in span.name")
            names.append(self._advance())
            keys = self._keys()
        return self._namespace.resolve(names, keys, self._since(names[0].offset))

    def _keys(self) -> list[ValueNode]:
        keys: list[ValueNode] = []
        while self._at(Kind.MARK, "["):
            self._nested(lambda: self._key(keys))
        return keys

    def _key(self, keys: list[ValueNode]) -> Node:
        opening = self._advance()
        if self._token.kind is Kind.END:
            self._refuse_end(opening)
        node = self._unary()
        is_string = isinstance(node, Literal) and isinstance(node.value, str)
        key = self._as_value(node) if is_string else self._as_number(node)
        self._expect("]", "an index", opening)
        keys.append(key)
        return key

    # Calls

    def _call_or_enum(self) -> Node:
        token = self._advance()
        if self._at(Kind.MARK, "("):
            return self._nested(lambda: self._call(token))
        enums, functions = self._namespace.enums, self._namespace.functions
        if token.text in enums:
            return self._literal(enums[token.text], token)
        if token.text in functions:
            raise _error_at(token, f"{token.text} is a function; call it: {token.text}()")
        hint = suggestion(token.text, enums) or f"; known are {', '.join(sorted(enums)) or 'none'}"
        raise _error_at(token, f"{token.text} is no known name{hint}")

    def _not_a_function(self, token: Token) -> OttlError:
        functions = self._namespace.functions
        compact = token.text.replace("_", "")
        hint = suggestion(token.text, functions) or suggestion(compact, functions)
        return _error_at(token, f"functions begin with a capital, unlike {token.text}{hint}")

    def _call(self, name: Token) -> Node:
        functions = self._namespace.functions
        function = functions.get(name.text)
        if function is None:
            known = ", ".join(sorted(functions))
            hint = suggestion(name.text, functions)
            raise _error_at(
                name,
                f"{name.text} is no supported function{hint or '; use one of'}"
                + (" Supported are " if hint else " ")
                + known,
            )
        opening = self._advance()
        given: dict[str, ValueNode] = {}
        named = False
        while not self._at(Kind.MARK, ")"):
            self._refuse_end(opening)
            named = self._argument(function, given, named=named) or named
            if not self._accept(Kind.MARK, ","):
                break
            if self._at(Kind.MARK, ")"):
                raise self._error("an argument should follow the comma")
        self._expect(")", "a call", opening)
        place = self._since(name.offset)
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
        _check_call(call)
        keys = self._keys()
        return Index(call, tuple(keys), self._since(name.offset)) if keys else call

    def _hidden(self, path: str, place: Place) -> ValueNode:
        names = [Token(Kind.LOWER, name, place.offset) for name in path.split(".")]
        return self._namespace.resolve(names, (), place)

    def _argument(self, function: Function, given: dict[str, ValueNode], *, named: bool) -> bool:
        """Read one argument into `given`; return whether it was named."""
        token = self._token
        following = self._tokens[min(self._next + 1, len(self._tokens) - 1)]
        is_named = token.kind is Kind.LOWER and following.text == "="
        names = [parameter.name for parameter in function.parameters if not parameter.path]
        if is_named:
            self._advance()
            self._advance()
            if token.text not in names:
                hint = suggestion(token.text, names)
                raise _error_at(
                    token,
                    f"{function.name} has no parameter {token.text}{hint}; "
                    f"write {function.signature}",
                )
            if token.text in given:
                raise _error_at(token, f"{token.text} is given twice")
            name = token.text
        elif named:
            raise _error_at(token, "an argument without a name cannot follow one with a name")
        elif len(given) == len(names):
            raise _error_at(token, f"too many arguments; write {function.signature}")
        else:
            name = names[len(given)]
        given[name] = self._as_value(self._sum())
        return is_named

    # What an operand is

    def _as_condition(self, node: Node) -> BoolNode:
        match node:
            case Literal(value=bool()):
                return Constant(bool(node.value), node.place)
            case Call() | Index(target=Call()):
                return Truth(node, node.place)
            case Path() | Index():
                raise _error_node(
                    node,
                    f"a path alone is no condition; compare it: {self._slice(node.place)} == true",
                )
            case Literal() | ListOf() | MapOf() | Arithmetic() | Negative():
                raise _error_node(
                    node,
                    f"{self._slice(node.place)} is a value, not a condition; compare it with one",
                )
            case _:
                return node

    def _as_value(self, node: Node) -> ValueNode:
        match node:
            case Constant() | Comparison() | Truth() | Not() | AllOf() | AnyOf():
                raise _error_node(
                    node,
                    f"{self._slice(node.place)} is a condition where a value should stand; "
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
                raise _error_node(
                    node,
                    f"{self._slice(node.place)} can stand neither in parentheses, nor as an index, "
                    "nor beside + - * /; only numbers, paths and calls can",
                )
            case _:
                return self._as_value(node)

    # Tokens

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        token = self._token
        self._next += 1
        return token

    def _at(self, kind: Kind, *texts: str) -> bool:
        return self._token.kind is kind and (not texts or self._token.text in texts)

    def _accept(self, kind: Kind, *texts: str) -> Token | None:
        return self._advance() if self._at(kind, *texts) else None

    def _expect(self, mark: str, what: str, opening: Token) -> None:
        if self._accept(Kind.MARK, mark):
            return
        self._refuse_end(opening)
        raise self._error(f"{self._token.text} cannot stand here in {what}; , or {mark} should")

    def _refuse_end(self, opening: Token) -> None:
        if self._token.kind is Kind.END:
            closing = {"(": ")", "[": "]", "{": "}"}[opening.text]
            raise self._error(
                f"the {opening.text} at character {opening.offset + 1} is never closed; "
                f"add {closing}"
            )

    def _since(self, offset: int) -> Place:
        return Place(offset, self._tokens[self._next - 1].end - offset)

    def _slice(self, place: Place) -> str:
        return self._text[place.offset : place.offset + place.length]

    def _literal(self, value: Operand, token: Token) -> Literal:
        return Literal(value, token.text, Place(token.offset, len(token.text)))

    def _error(self, message: str) -> OttlError:
        return _error_at(self._token, message)

    def _unexpected_after(self, node: Node) -> OttlError:
        token = self._token
        if token.text == "=":
            return self._error("= compares nothing; write ==")
        if token.text in ("AND", "OR", "NOT"):
            return self._error(f"write {token.text.lower()} in lower case")
        if token.text in ("(", "[") and isinstance(node, Literal):
            return self._error(f"{self._slice(node.place)} cannot be followed by {token.text}")
        return self._error(f"{token.text} cannot stand here; and, or, or a comparison should")


def _error_at(token: Token, message: str) -> OttlError:
    return OttlError(message, token.offset, len(token.text))


def _error_node(node: Node, message: str) -> OttlError:
    return OttlError(message, node.place.offset, node.place.length)


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


def _check_call(call: Call) -> None:
    """Refuse literal arguments that the function would refuse on every span."""
    literals: list[object] = []
    pairs = zip(call.function.parameters, call.arguments, strict=True)
    for parameter, argument in pairs:
        literals.append(
            None
            if argument is None
            else _check_argument(call, parameter.name, parameter.getter, argument)
        )
    if call.function.check is None:
        return
    try:
        call.function.check(*literals)
    except EvaluationError as exc:
        raise OttlError(f"{call.name}: {exc}", call.place.offset, call.place.length) from exc


def _check_argument(call: Call, name: str, getter: Getter, argument: ValueNode) -> object:
    """Return a literal argument as the body will see it; `None` for any other."""
    place = argument.place
    if getter.items is not None:
        match argument:
            case ListOf():
                for item in argument.items:
                    _check_argument(call, name, getter.items, item)
                return None
            case Literal(value=tuple() as items):
                return [
                    _check_argument(call, name, getter.items, Literal(item, "", place))
                    for item in items
                ]
            case _:
                raise OttlError(
                    f"{call.name} wants {name} written as a list, as in [a, b]",
                    place.offset,
                    place.length,
                )
    if not isinstance(argument, Literal):
        if getter.literal:
            raise OttlError(
                f"{call.name} wants {name} written out as {getter.name}, not calculated",
                place.offset,
                place.length,
            )
        return None
    try:
        accept = getter.accepts or getter.convert
        return accept(argument.value)
    except EvaluationError as exc:
        raise OttlError(
            f"{call.name} refuses {argument.text or type_name(argument.value)} as {name}: {exc}",
            place.offset,
            place.length,
        ) from exc
