"""What can be checked of a call before any span is seen: its literal arguments."""

from __future__ import annotations

from sloengine.ottl.problems import EvaluationError, OttlError
from sloengine.ottl.registry import Getter
from sloengine.ottl.tree import Call, ListOf, Literal, ValueNode
from sloengine.ottl.values import json_text


def check_call(call: Call) -> None:
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
                    _check_argument(call, name, getter.items, Literal(item, json_text(item), place))
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
            f"{call.name} refuses {argument.text} as {name}: {exc}",
            place.offset,
            place.length,
        ) from exc
