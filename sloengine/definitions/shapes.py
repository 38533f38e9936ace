"""Shapes of single values, of which the documented shape of a kind is put together.

A shape checks a node, and says the same as JSON Schema (2020-12) for editors: both stand side by
side, so that neither can drift from the other. A schema accepts at least what the check accepts.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from sloengine.definitions.catalogue import Catalogue
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
    word: str = "text"
    """What people call it."""

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
class SliceWindow:
    """The length of a slice: a duration, or a number of minutes."""

    def __call__(self, context: Context, node: Node, what: str) -> None:
        """Expect one of the two, longer than nothing."""
        shape = Number(above=0) if isinstance(node.value, int | Decimal) else Length()
        shape(context, node, what)

    def schema(self, shared: Shared) -> Schema:
        """Say the same."""
        return {"anyOf": [Number(above=0).schema(shared), Length().schema(shared)]}


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
    word: str
    """What people call it."""

    def __call__(self, _context: Context, _node: Node, _what: str) -> None:
        """Leave it to the reader."""

    def schema(self, _shared: Shared) -> Schema:
        """Allow the form."""
        return {"type": "string", "pattern": self.pattern}
