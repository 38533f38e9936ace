"""Functions on lists and maps."""

from __future__ import annotations

from collections.abc import Callable

from sloengine.ottl.compare import compare
from sloengine.ottl.functions.getters import ANY, LIST, MAP, lazy, list_of
from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.registry import Function, Parameter
from sloengine.ottl.values import OpaqueId, Operand, Value, type_name


def _length(target: Operand) -> int:
    match target:
        case str():
            return len(target.encode())
        case list() | tuple() | dict():
            return len(target)
        case bytes() if not isinstance(target, OpaqueId):
            return len(target)
        case _:
            raise EvaluationError(f"a {type_name(target)} has no length")


def _contains(target: list[Value], item: Operand) -> bool:
    return any(compare(element, "==", item) for element in target)


def _index(target: Operand, value: Operand) -> int:
    if isinstance(target, str):
        if not isinstance(value, str):
            raise EvaluationError(f"a {type_name(value)} cannot be looked for in a string")
        return target.encode().find(value.encode())
    for position, element in enumerate(LIST.convert(target)):
        if compare(element, "==", value):
            return position
    return -1


def _coalesce(values: list[Callable[[], Operand]]) -> Operand:
    for fetch in values:
        if (value := fetch()) is not None:
            return value
    return None


def _check_coalesce(values: list[Operand] | None) -> None:
    if values == []:
        raise EvaluationError("at least one value is needed")


def _keys(target: dict[str, Value]) -> list[Value]:
    return list(target)


def _values(target: dict[str, Value]) -> list[Value]:
    return list(target.values())


FUNCTIONS = (
    Function(
        "Len",
        (Parameter("target", ANY),),
        _length,
        "The length of a string or of bytes in bytes, of a list or a map in items; "
        "an error for nil and every other type.",
    ),
    Function(
        "ContainsValue",
        (Parameter("target", LIST), Parameter("item", ANY)),
        _contains,
        "Whether a list has an item that == holds for; an error where there is no list.",
    ),
    Function(
        "Index",
        (Parameter("target", ANY), Parameter("value", ANY)),
        _index,
        "Where a string or a list first has the value, from 0, in bytes or items; else -1.",
    ),
    Function(
        "Coalesce",
        (Parameter("values", list_of(lazy(ANY))),),
        _coalesce,
        "The first value of a written list that is not nil; later ones are not looked at.",
        _check_coalesce,
    ),
    Function("Keys", (Parameter("target", MAP),), _keys, "The keys of a map, as a list."),
    Function("Values", (Parameter("target", MAP),), _values, "The values of a map, as a list."),
)
