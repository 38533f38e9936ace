"""The tree over one span's values: plain, obvious, the reference for everything faster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sloengine.ottl.arithmetic import calculate, negate
from sloengine.ottl.compare import compare
from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.registry import Getter
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
    Not,
    Path,
    Truth,
    ValueNode,
    Values,
)
from sloengine.ottl.values import Operand, Strings, Value, type_name


def decide(node: BoolNode, values: Values) -> bool:
    """Return whether a condition holds; raises `EvaluationError` for the third state."""
    match node:
        case Constant():
            return node.value
        case Comparison():
            left = fetch(node.left, values)
            return compare(left, node.symbol, fetch(node.right, values))
        case Truth():
            result = fetch(node.call, values)
            if isinstance(result, bool):
                return result
            raise EvaluationError(f"a condition needs a bool, not a {type_name(result)}")
        case Not():
            return not decide(node.operand, values)
        case AllOf():
            return all(decide(part, values) for part in node.parts)
        case AnyOf():
            return any(decide(part, values) for part in node.parts)


def fetch(node: ValueNode, values: Values) -> Operand:
    """Return the value of a value expression; raises `EvaluationError`."""
    match node:
        case Literal():
            return node.value
        case Path():
            return node.read(values.get(node.source))
        case Index(target=Path() as path):
            return _index_path(path, node.keys, values)
        case Index():
            return _index_result(fetch(node.target, values), node.keys, values)
        case Call():
            return _call(node, values)
        case Arithmetic():
            left = fetch(node.left, values)
            return calculate(left, node.symbol, fetch(node.right, values))
        case Negative():
            return negate(fetch(node.operand, values))
        case ListOf():
            return tuple(fetch(item, values) for item in node.items)
        case MapOf():
            return {key: storable(fetch(item, values)) for key, item in node.items}


def storable(value: Operand) -> Value:
    """Return a value as a map literal holds it; stored lists, ids and times cannot go in."""
    match value:
        case None | bool() | int() | float() | str() | dict():
            return value
        case tuple() if not isinstance(value, Strings):
            return [storable(item) for item in value]
        case bytes() if type(value) is bytes:
            return value
        case _:
            raise EvaluationError(f"a map cannot hold a {type_name(value)}")


def convert(getter: Getter, node: ValueNode, values: Values) -> Any:
    """Return an argument as a function's body wants it."""
    if getter.lazy:
        return lambda: getter.convert(fetch(node, values))
    if getter.items is None:
        return getter.convert(fetch(node, values))
    match node:
        case ListOf():
            return [convert(getter.items, item, values) for item in node.items]
        case Literal(value=tuple() as items):
            return [
                (lambda item=item: item) if getter.items.lazy else getter.items.convert(item)
                for item in items
            ]
        case _:
            raise AssertionError("the parser lets only lists through")


def _call(node: Call, values: Values) -> Operand:
    arguments = [
        None if argument is None else convert(parameter.getter, argument, values)
        for parameter, argument in zip(node.function.parameters, node.arguments, strict=True)
    ]
    result: Operand = node.function.body(*arguments)
    return result


def _index_path(path: Path, keys: Sequence[ValueNode], values: Values) -> Operand:
    """Index into attributes: what is missing is nil, and so is all below it."""
    current: Operand = path.read(values.get(path.source))
    if current is None:
        return None
    for key_node in keys:
        key = fetch(key_node, values)
        if isinstance(current, dict) and isinstance(key, str):
            if key not in current:
                return None
            current = current[key]
        elif isinstance(current, list) and type(key) is int:
            current = _element(current, key)
        else:
            raise _cannot_index(current, key)
    return current


def _index_result(target: Operand, keys: Sequence[ValueNode], values: Values) -> Operand:
    """Index into the result of a function: what is missing is an error."""
    current = target
    for key_node in keys:
        key = fetch(key_node, values)
        if isinstance(current, dict) and isinstance(key, str):
            if key not in current:
                raise EvaluationError(f'the map has no key "{key}"')
            current = current[key]
        elif isinstance(current, list | tuple) and type(key) is int:
            current = _element(current, key)
        else:
            raise _cannot_index(current, key)
    return current


def _element(items: Sequence[Operand], index: int) -> Operand:
    if 0 <= index < len(items):
        return items[index]
    raise EvaluationError(f"index {index} is outside a list of {len(items)}")


def _cannot_index(target: Operand, key: Operand) -> EvaluationError:
    return EvaluationError(f"a {type_name(target)} cannot be indexed by a {type_name(key)}")
