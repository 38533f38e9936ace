"""Small checkers that put together the documented shape of a kind."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from sloengine.definitions.catalogue import BUILT_IN_POLICY, Catalogue
from sloengine.definitions.source import Source
from sloengine.yamldoc import Node


@dataclass(frozen=True, slots=True)
class Context:
    """What a checker may look at: the definition being read, and the names of the others."""

    source: Source
    catalogue: Catalogue


Check = Callable[[Context, Node, str], None]
"""Notes every problem of a node; the last argument is what errors call it."""


def anything(_context: Context, _node: Node, _what: str) -> None:
    """Accept whatever is there: it belongs to another system."""


def text(context: Context, node: Node, what: str) -> None:
    """Expect text."""
    context.source.text(node, what)


def number(context: Context, node: Node, what: str) -> None:
    """Expect a number."""
    context.source.number(node, what)


def boolean(context: Context, node: Node, what: str) -> None:
    """Expect true or false."""
    context.source.boolean(node, what)


def duration(context: Context, node: Node, what: str) -> None:
    """Expect a duration of fixed length, longer than nothing."""
    context.source.duration(node, what)


def delay(context: Context, node: Node, what: str) -> None:
    """Expect a duration of fixed length, nothing allowed."""
    context.source.duration(node, what, positive=False)


def mapping(context: Context, node: Node, what: str) -> None:
    """Expect a mapping with keys of the user's choice."""
    context.source.free_mapping(node, what)


def time_zone(context: Context, node: Node, what: str) -> None:
    """Expect an IANA time zone."""
    name = context.source.text(node, what)
    if name is None:
        return
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        message = f'{what} "{name}" is no known time zone; write one like Europe/Berlin'
        context.source.error(node, message)


def instant(context: Context, node: Node, what: str) -> None:
    """Expect a date and time such as `2026-01-31 12:30:00` or ISO 8601."""
    written = context.source.text(node, what)
    if written is None:
        return
    try:
        dt.datetime.fromisoformat(written)
    except ValueError:
        message = f'{what} "{written}" is no date and time; write it like 2026-01-31 12:30:00'
        context.source.error(node, message)


def choice(*words: str) -> Check:
    """Expect one of some words."""

    def check(context: Context, node: Node, what: str) -> None:
        context.source.choice(node, what, words)

    return check


def list_of(member: Check) -> Check:
    """Expect a list with at least one member."""

    def check(context: Context, node: Node, what: str) -> None:
        for index, item in enumerate(context.source.sequence(node, what)):
            member(context, item, f"{what}[{index}]")

    return check


def record(known: Mapping[str, Check], required: Collection[str] = ()) -> Check:
    """Expect a mapping with known keys."""

    def check(context: Context, node: Node, what: str) -> None:
        members = context.source.mapping(node, what, tuple(known), tuple(required))
        for key, member in (members or {}).items():
            if key in known:
                known[key](context, member, f"{what}.{key}")

    return check


def reference(kind: str) -> Check:
    """Expect the name of a definition of a kind."""

    def check(context: Context, node: Node, what: str) -> None:
        if kind == "AlertPolicy" and node.text == BUILT_IN_POLICY:
            return
        if kind == "SLO" and node.text in context.catalogue.promised:
            return
        context.catalogue.refer(context.source, node, kind, what)

    return check


def either(ref: str, referenced: str, inline: Check) -> Check:
    """Expect either `{<ref>: name}` or the definition itself, written inline."""
    by_reference = record({ref: reference(referenced)}, (ref,))

    def check(context: Context, node: Node, what: str) -> None:
        (by_reference if ref in node.entries else inline)(context, node, what)

    return check


metadata = record({"name": text, "displayName": text, "labels": mapping, "annotations": mapping})


def inline_definition(kind: str, spec: Check) -> Check:
    """Expect a definition inside another one; its `kind` may be left out."""
    return record({"kind": choice(kind), "metadata": metadata, "spec": spec}, ("spec",))
