"""Small checkers that put together the documented shape of a kind.

A shape checks a node, and says the same as JSON Schema (2020-12) for editors: both stand side by
side, so that neither can drift from the other. A schema accepts at least what the check accepts.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from sloengine.definitions.catalogue import BUILT_IN_POLICY, METADATA, Catalogue
from sloengine.definitions.duration import PATTERN as DURATION_PATTERN
from sloengine.definitions.source import ANNOTATION_KEY, LABEL_KEY, NAME, Source
from sloengine.yamldoc import Node

Schema = dict[str, object]
"""A piece of JSON Schema."""
Shared = dict[str, Schema]
"""Pieces that are referred to by name, under `$defs`."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a checker may look at: the definition being read, and the names of the others."""

    source: Source
    catalogue: Catalogue


class Shape(Protocol):
    """What a value must look like."""

    def __call__(self, context: Context, node: Node, what: str, /) -> None:
        """Note every problem of a node; `what` is what errors call it."""
        ...

    def schema(self, shared: Shared, /) -> Schema:
        """Return the same as JSON Schema; pieces with a name of their own go to `shared`."""
        ...


@dataclass(frozen=True, slots=True)
class Anything:
    """Whatever is there: it belongs to another system."""

    def __call__(self, _context: Context, _node: Node, _what: str) -> None:
        """Accept it."""

    def schema(self, _shared: Shared) -> Schema:
        """Accept it."""
        return {}


@dataclass(frozen=True, slots=True)
class Text:
    """Text; a number or a truth value is read as it was written."""

    longest: int | None = None

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect text that is not empty."""
        written = context.source.text(node, what)
        if self.longest is not None and written is not None and len(node.text) > self.longest:
            context.source.error(
                node,
                f"{what} has {len(node.text):,} characters, OpenSLO allows {self.longest:,}; "
                "shorten it",
            )

    def schema(self, _shared: Shared) -> Schema:
        """Say the same; a quoted and an unquoted number are both text."""
        schema: Schema = {"type": ["string", "number", "boolean"], "pattern": r"\S"}
        if self.longest is not None:
            schema["maxLength"] = self.longest
        return schema


@dataclass(frozen=True, slots=True)
class Name:
    """A name that is valid wherever names are used."""

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect a name."""
        context.source.name(node, what)

    def schema(self, _shared: Shared) -> Schema:
        """Say the same; `2026` and `true` are no text to YAML."""
        return {"type": ["string", "integer", "boolean"], "pattern": rf"^\s*{NAME.pattern}\s*$"}


@dataclass(frozen=True, slots=True)
class Number:
    """A number; bounds are inclusive, `above` and `below` are not."""

    above: int | None = None
    below: int | None = None
    most: int | None = None

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect a number inside the bounds."""
        value = context.source.number(node, what)
        if value is None or self._holds(value):
            return
        context.source.error(node, f"{what} {node.text} must be {self._bounds()}")

    def schema(self, _shared: Shared) -> Schema:
        """Say the same."""
        schema: Schema = {"type": "number"}
        for key, bound in (
            ("exclusiveMinimum", self.above),
            ("exclusiveMaximum", self.below),
            ("maximum", self.most),
        ):
            if bound is not None:
                schema[key] = bound
        return schema

    def _holds(self, value: Decimal) -> bool:
        return (
            (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and (self.most is None or value <= self.most)
        )

    def _bounds(self) -> str:
        parts = (("above", self.above), ("below", self.below), ("at most", self.most))
        return " and ".join(f"{word} {bound}" for word, bound in parts if bound is not None)


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number within inclusive bounds."""

    least: int
    most: int

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect a whole number."""
        context.source.integer(node, what, self.least, self.most)

    def schema(self, _shared: Shared) -> Schema:
        """Say the same."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect true or false."""
        context.source.boolean(node, what)

    def schema(self, _shared: Shared) -> Schema:
        """Say the same."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Length:
    """A duration of fixed length."""

    positive: bool = True

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect a duration."""
        context.source.duration(node, what, positive=self.positive)

    def schema(self, _shared: Shared) -> Schema:
        """Say the same, apart from nothing and a century."""
        return {"type": "string", "pattern": rf"^\s*({DURATION_PATTERN})+\s*$"}


@dataclass(frozen=True, slots=True)
class FreeMapping:
    """A mapping with keys of the user's choice."""

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect a mapping."""
        context.source.free_mapping(node, what)

    def schema(self, _shared: Shared) -> Schema:
        """Say the same."""
        return {"type": "object"}


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with keys of the user's choice, or one such key, and values of one shape."""

    member: Shape
    keys: str | None = None
    single: bool = False

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect a mapping; keys are the reader's."""
        for key, value in context.source.free_mapping(node, what).items():
            self.member(context, value, f"{what}.{key}")

    def schema(self, shared: Shared) -> Schema:
        """Say the same."""
        schema: Schema = {"type": "object", "additionalProperties": self.member.schema(shared)}
        if self.keys is not None:
            schema["propertyNames"] = {"pattern": f"^({self.keys})$"}
        if self.single:
            schema |= {"minProperties": 1, "maxProperties": 1}
        return schema


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of metadata: a text, or a list of texts."""

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect labels."""
        context.source.labels(node, what)

    def schema(self, shared: Shared) -> Schema:
        """Say the same."""
        one = Text().schema(shared)
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^{LABEL_KEY.pattern}$"},
            "additionalProperties": {"anyOf": [one, {"type": "array", "items": one}]},
        }


@dataclass(frozen=True, slots=True)
class Annotations:
    """Annotations of metadata: texts."""

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect annotations."""
        context.source.annotations(node, what)

    def schema(self, shared: Shared) -> Schema:
        """Say the same."""
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^{ANNOTATION_KEY.pattern}$"},
            "additionalProperties": Text().schema(shared),
        }


@dataclass(frozen=True, slots=True)
class TimeZone:
    """An IANA time zone."""

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect a time zone that this machine knows."""
        name = context.source.text(node, what)
        if name is None:
            return
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            message = f'{what} "{name}" is no known time zone; write one like Europe/Berlin'
            context.source.error(node, message)

    def schema(self, _shared: Shared) -> Schema:
        """Say that it is text: which zones there are changes."""
        return {"type": "string", "pattern": r"\S"}


@dataclass(frozen=True, slots=True)
class Instant:
    """A date and time such as `2026-01-31 12:30:00`; without a time zone of its own if `local`."""

    local: bool = False

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect a date and time."""
        written = context.source.text(node, what)
        if written is None:
            return
        try:
            moment = dt.datetime.fromisoformat(written)
        except ValueError:
            message = f'{what} "{written}" is no date and time; write it like 2026-01-31 12:30:00'
            context.source.error(node, message)
            return
        if self.local and moment.tzinfo is not None:
            message = f'{what} "{written}" names a time zone; write the zone as timeZone instead'
            context.source.error(node, message)

    def schema(self, _shared: Shared) -> Schema:
        """Say that it is text; 20260131 is a number to YAML."""
        return {"type": ["string", "integer"], "pattern": r"^\s*\d{4}"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect one of the words."""
        context.source.choice(node, what, self.words)

    def schema(self, _shared: Shared) -> Schema:
        """Say the same."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list with at least one member, and not more than `most`."""

    member: Shape
    most: int | None = None

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect a list."""
        items = context.source.sequence(node, what)
        for index, item in enumerate(items):
            if self.most is not None and index >= self.most:
                members = f"{self.most} member{'s' * (self.most != 1)}"
                context.source.error(item, f"{what} has at most {members}; remove the others")
                return
            self.member(context, item, f"{what}[{index}]")

    def schema(self, shared: Shared) -> Schema:
        """Say the same."""
        schema: Schema = {"type": "array", "minItems": 1, "items": self.member.schema(shared)}
        if self.most is not None:
            schema["maxItems"] = self.most
        return schema


@dataclass(frozen=True, slots=True)
class OneOrMore:
    """A value, or a list of such values with at least one."""

    member: Shape

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect one or a list."""
        for item in context.source.one_or_more(node, what):
            self.member(context, item, what)

    def schema(self, shared: Shared) -> Schema:
        """Say the same."""
        return {"anyOf": [self.member.schema(shared), ListOf(self.member).schema(shared)]}


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several shapes, for values that a reader looks into itself; nothing is checked."""

    members: tuple[Shape, ...]

    def __call__(self, _context: Context, _node: Node, _what: str) -> None:
        """Leave it to the reader."""

    def schema(self, shared: Shared) -> Schema:
        """Allow each."""
        return {"anyOf": [member.schema(shared) for member in self.members]}


@dataclass(frozen=True, slots=True)
class Nothing:
    """An empty value."""

    def __call__(self, _context: Context, _node: Node, _what: str) -> None:
        """Leave it to the reader."""

    def schema(self, _shared: Shared) -> Schema:
        """Allow null."""
        return {"type": "null"}


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text of a form, for values that a reader looks into itself; nothing is checked."""

    pattern: str

    def __call__(self, _context: Context, _node: Node, _what: str) -> None:
        """Leave it to the reader."""

    def schema(self, _shared: Shared) -> Schema:
        """Allow the form."""
        return {"type": "string", "pattern": self.pattern}


@dataclass(frozen=True, slots=True)
class Member:
    """A key of a record: the shape of its value, and what it is for, in words for people."""

    shape: Shape
    note: str


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known keys.

    Of each group in `exactly_one`, one key is needed and excludes the others; of `some_of`, at
    least one is needed; `single` allows one key at all. These three are left to the reader, whose
    messages know more.
    """

    members: Mapping[str, Member]
    required: tuple[str, ...] = ()
    exactly_one: tuple[tuple[str, ...], ...] = ()
    some_of: tuple[str, ...] = ()
    single: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The known keys, in the order of the documentation."""
        return tuple(self.members)

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect a mapping with these keys, and check each value."""
        present = context.source.mapping(node, what, self.keys, self.required)
        for key, value in (present or {}).items():
            if key in self.members:
                self.members[key].shape(context, value, f"{what}.{key}")

    def schema(self, shared: Shared) -> Schema:
        """Say the same."""
        schema: Schema = {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                key: {"description": member.note, **member.shape.schema(shared)}
                for key, member in self.members.items()
            },
        }
        if self.required:
            schema["required"] = list(self.required)
        if self.single:
            schema |= {"minProperties": 1, "maxProperties": 1}
        if self.some_of:
            schema["anyOf"] = [{"required": [key]} for key in self.some_of]
        if self.exactly_one:
            schema["allOf"] = [
                {"oneOf": [{"required": [key]} for key in group]} for group in self.exactly_one
            ]
        return schema


@dataclass(frozen=True, slots=True)
class Given:
    """A shape with further conditions in JSON Schema, for a reader that checks them itself."""

    shape: Shape
    condition: Callable[[Shared], Schema] = field(compare=False)

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Check the shape."""
        self.shape(context, node, what)

    def schema(self, shared: Shared) -> Schema:
        """Say both."""
        return {"allOf": [self.shape.schema(shared), self.condition(shared)]}


@dataclass(frozen=True, slots=True)
class Called:
    """A shape with a name, which may hold itself."""

    name: str
    shape: Callable[[], Shape] = field(compare=False)

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Check the shape."""
        self.shape()(context, node, what)

    def schema(self, shared: Shared) -> Schema:
        """Refer to the shape, and write it down once."""
        if self.name not in shared:
            shared[self.name] = {}
            shared[self.name] = self.shape().schema(shared)
        return {"$ref": f"#/$defs/{self.name}"}


@dataclass(frozen=True, slots=True)
class Reference:
    """The name of a definition of a kind."""

    kind: str

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect a name that the set defines."""
        if self.kind == "AlertPolicy" and node.text == BUILT_IN_POLICY:
            return
        if self.kind == "SLO" and node.text in context.catalogue.promised:
            return
        context.catalogue.refer(context.source, node, self.kind, what)

    def schema(self, shared: Shared) -> Schema:
        """Say that it is a name."""
        return Name().schema(shared)


@dataclass(frozen=True, slots=True)
class Either:
    """Either `{<ref>: name}`, or the definition itself, written inline."""

    ref: str
    kind: str
    inline: Shape
    note: str = "Name of a definition of its own."

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect one of the two."""
        shape = self._by_reference() if self.ref in node.entries else self.inline
        shape(context, node, what)

    def schema(self, shared: Shared) -> Schema:
        """Say the same, so that an editor complains about the one that was begun."""
        return {
            "if": {"required": [self.ref]},
            "then": self._by_reference().schema(shared),
            "else": self.inline.schema(shared),
        }

    def _by_reference(self) -> Record:
        return Record({self.ref: Member(Reference(self.kind), self.note)}, (self.ref,))


def record(
    members: Mapping[str, tuple[Shape, str]],
    required: Collection[str] = (),
    *,
    exactly_one: tuple[tuple[str, ...], ...] = (),
    some_of: tuple[str, ...] = (),
    single: bool = False,
) -> Record:
    """Put a record together from `key: (shape, note)`."""
    return Record(
        {key: Member(shape, note) for key, (shape, note) in members.items()},
        tuple(required),
        exactly_one,
        some_of,
        single,
    )


_METADATA_SHAPES: Mapping[str, tuple[Shape, str]] = {
    "name": (Name(), "Unique for its kind: at most 63 small letters, digits and dashes."),
    "displayName": (Text(), "The name that reports show."),
    "labels": (Labels(), "Key and value, or a list of values; kept, not interpreted."),
    "annotations": (Annotations(), "Key and text, such as owner and runbook; reports show them."),
}
metadata = record({key: _METADATA_SHAPES[key] for key in METADATA}, ("name",))
"""The head of every definition."""
inline_metadata = record({key: _METADATA_SHAPES[key] for key in METADATA})
"""The head of a definition inside another one; even the name may be left out."""


def inline_definition(kind: str, spec: Shape) -> Record:
    """Expect a definition inside another one; its `kind` may be left out."""
    return record(
        {
            "kind": (Choice((kind,)), f"{kind}; may be left out."),
            "metadata": (inline_metadata, "Name and labels; may be left out."),
            "spec": (spec, f"As in a {kind} of its own."),
        },
        ("spec",),
    )
