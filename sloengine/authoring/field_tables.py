"""The tables of fields in docs/definitions.md, made of the shapes that the reader checks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sloengine.definitions import DOCUMENTS, openslo, ours
from sloengine.definitions.shapes import (
    Annotations,
    Anything,
    Boolean,
    Choice,
    FreeMapping,
    Instant,
    Integer,
    Labels,
    Length,
    Name,
    Number,
    Pattern,
    Shape,
    SliceWindow,
    Text,
    TimeZone,
)
from sloengine.definitions.structures import (
    AnyOf,
    Called,
    Either,
    Given,
    ListOf,
    MapOf,
    OneOrMore,
    Record,
    Reference,
    metadata,
)
from sloengine.errors import OperatorError

_BLOCK = re.compile(r"(<!-- fields: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_PARTS: dict[str, Shape] = {
    "metadata": metadata,
    "rules": ours.RULE,
    "metricSource": openslo.METRIC_SOURCE,
    "ourSource": Record(
        {**openslo.PART.members, **openslo.TOTAL.members, **openslo.VALUES.members}
    ),
}
"""What several kinds share, and has a table of its own."""
_ELSEWHERE = {
    "predicate": "rule body",
    "rule": "rule body",
    "quantifiers": "quantifiers",
    "inlineIndicator": "metadata and spec of an SLI",
    "partMetric": "metric",
    "totalMetric": "metric",
    "valuesMetric": "metric",
}
_WORDS: dict[type, str] = {
    Anything: "anything",
    Name: "name",
    Number: "number",
    Integer: "whole number",
    Boolean: "true or false",
    Length: "duration",
    FreeMapping: "mapping",
    Labels: "labels",
    Annotations: "annotations",
    TimeZone: "time zone",
    Instant: "date and time",
    SliceWindow: "duration or minutes",
}


def with_tables(page: str) -> str:
    """Return a page whose blocks `<!-- fields: KIND -->` … `<!-- end -->` hold current tables.

    Raises:
        OperatorError: a block names no kind and no part.
    """

    def block(match: re.Match[str]) -> str:
        return match.group(1) + _table(match.group(2)) + match.group(3)

    return _BLOCK.sub(block, page)


def _table(name: str) -> str:
    shape = _PARTS.get(name)
    if shape is None:
        if name not in DOCUMENTS:
            message = f'docs: there is no kind "{name}"; correct the block'
            raise OperatorError(message)
        shape = DOCUMENTS[name].members["spec"].shape
    rows = ["| field | value | what it is for |", "|---|---|---|"]
    for path, member, note, required in _fields(_inside(shape), ""):
        value = _value(member)
        shown = f"{value}, required" if required else value
        rows.append(f"| `{path}` | {shown} | {note} |")
    return "\n".join(rows) + "\n"


def _fields(shape: Shape, prefix: str) -> Iterator[tuple[str, Shape, str, bool]]:
    """Yield each field below a shape: path, shape, note, and whether it must be there."""
    if not isinstance(shape, Record):
        return
    for key, member in shape.members.items():
        path = f"{prefix}{key}"
        yield path, member.shape, member.note, key in shape.required
        inner, mark = member.shape, ""
        if isinstance(inner, ListOf):
            inner, mark = inner.member, "[]"
        if isinstance(inner, MapOf):
            inner, mark = inner.member, ".NAME"
        yield from _fields(_inside(inner, own=True), f"{path}{mark}.")


def _inside(shape: Shape, *, own: bool = False) -> Shape:
    """Return a shape without its wrappers; with `own`, not into what has a table elsewhere."""
    while isinstance(shape, Given | Called):
        if own and isinstance(shape, Called):
            return shape
        shape = shape.shape if isinstance(shape, Given) else shape.shape()
    return shape


def _value(shape: Shape) -> str:
    match shape:
        case Choice(words):
            return ", ".join(f"`{word}`" for word in words)
        case ListOf(member):
            return f"list: {_value(member)}"
        case OneOrMore(member):
            return f"{_value(member)}, or a list"
        case MapOf(member):
            return f"name: {_value(member)}"
        case AnyOf(members):
            kinds = dict.fromkeys(_value(member) for member in members)
            return " or ".join(kind for kind in kinds if kind)
        case Text() | Pattern():
            return shape.word
        case Reference(kind):
            return f"name of a{'n' * kind.startswith(('A', 'SL'))} {kind}"
        case Either(ref, kind):
            return f"`{ref}`, or {kind} inline"
        case Given(inner):
            return _value(inner)
        case Called(name):
            return _ELSEWHERE.get(name, "mapping")
        case Record(single=True):
            return "one key and its rule body"
        case Record():
            return "mapping"
        case _:
            return _WORDS.get(type(shape), "")
