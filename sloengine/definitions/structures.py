"""Shapes of lists and mappings, and what several kinds have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from sloengine.definitions.catalogue import BUILT_IN_POLICY, METADATA
from sloengine.definitions.shapes import (
    Annotations,
    Choice,
    Context,
    Labels,
    Name,
    Schema,
    Shape,
    Shared,
    Text,
)
from sloengine.yamldoc import Node


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
metadata = Called(
    "metadata", lambda: record({key: _METADATA_SHAPES[key] for key in METADATA}, ("name",))
)
"""The head of every definition."""
inline_metadata = Called(
    "inlineMetadata", lambda: record({key: _METADATA_SHAPES[key] for key in METADATA})
)
"""The head of a definition inside another one; even the name may be left out."""


def inline_definition(kind: str, spec: Shape) -> Called:
    """Expect a definition inside another one; its `kind` may be left out."""
    inline = record(
        {
            "kind": (Choice((kind,)), f"{kind}; may be left out."),
            "metadata": (inline_metadata, "Name and labels; may be left out."),
            "spec": (spec, f"As in a {kind} of its own."),
        },
        ("spec",),
    )
    return Called(f"inline{kind}", lambda: inline)
