"""What the tools have in common: an objective on its way, and a reader that forgets no field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from sloengine.definitions import as_written
from sloengine.errors import Position, Problem, Severity
from sloengine.yamldoc import Data, Node

DEFAULT_WINDOW = "28d"
_SLUG = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 63
_LABEL = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?")
_BUCKET = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)_bucket\s*\{[^}]*\ble\s*=~?\s*[\"']([0-9.]+)[\"']")
_UNITS = (("_seconds", "s"), ("_milliseconds", "ms"), ("_millis", "ms"), ("_ms", "ms"))


@dataclass(slots=True)
class ForeignSlo:
    """One objective of another tool, with what of it we can say."""

    position: Position
    tool: str
    name: str
    service: str
    target: Decimal
    window: str
    indicator: dict[str, Data]
    """The `spec` of an OpenSLO SLI that keeps the original queries."""
    queries: list[tuple[str, str]]
    """Where each original query stood, and its text."""
    description: str = ""
    labels: dict[str, Data] = field(default_factory=dict)
    annotations: dict[str, Data] = field(default_factory=dict)
    latency: str | None = None
    """The limit of a latency objective, as a duration."""
    policy: dict[str, Data] | None = None
    """The `spec` of the BurnRatePolicy that it needs beside it."""
    notes: list[Problem] = field(default_factory=list)


class Fields:
    """The members of a mapping; what nobody asks for becomes a note."""

    def __init__(self, node: Node, what: str, account: Account) -> None:
        self._what = what
        self._account = account
        self._left = dict(node.entries)
        self.position = node.position
        if node.kind != "mapping":
            account.error(node.position, f"{what or 'the document'} must be a mapping")

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def path(self, key: str) -> str:
        """Return what notes call a member."""
        return f"{self._what}.{key}" if self._what else key

    def take(self, key: str) -> Node | None:
        """Return a member, and take note that it was used; an empty one counts as missing."""
        node = self._left.pop(key, None)
        return None if node is None or node.is_null else node

    def text(self, key: str) -> str:
        """Return a member as text; empty where it is missing."""
        node = self.take(key)
        if node is None:
            return ""
        if node.kind != "scalar":
            self._account.error(node.position, f"{self.path(key)} must be text")
        return node.text.strip()

    def needed(self, key: str) -> str:
        """Return a member as text; a missing one is an error."""
        if key not in self._left:
            self._account.error(self.position, f"{self._what or 'the document'} has no {key}")
        return self.text(key)

    def number(self, key: str) -> Decimal:
        """Return a member as an exact number, quoted or not; a missing one is an error."""
        node = self._left.get(key)
        text = self.needed(key)
        try:
            value = Decimal(text)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite():
            position = node.position if node is not None else self.position
            self._account.error(position, f'{self.path(key)} "{text}" must be a number')
            return Decimal(0)
        return value

    def child(self, key: str) -> Fields | None:
        """Return a member that is a mapping."""
        node = self.take(key)
        return None if node is None else Fields(node, self.path(key), self._account)

    def texts(self, key: str) -> dict[str, str]:
        """Return a member that maps keys to texts."""
        node = self.take(key)
        return {} if node is None else {k: v.text.strip() for k, v in node.entries.items()}

    def refuse(self, key: str, why: str) -> None:
        """Note that a member, if it is there, cannot be converted, and why."""
        node = self._left.pop(key, None)
        if node is not None and not (node.is_null or node.data() in ({}, [], "")):
            self._account.note(node.key_position, f"{self.path(key)}: {why}")

    def done(self) -> None:
        """Note every member that nobody asked for."""
        for key in list(self._left):
            self.refuse(key, "has no counterpart")

    def data(self) -> Iterator[tuple[str, Data]]:
        """Take all that is left, as plain data whose numbers stay as they were written."""
        for key in list(self._left):
            yield key, as_written(self._left.pop(key))


class Account:
    """What has to be said about one objective: errors of its file, and notes."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.errors: list[Problem] = []
        self.notes: list[Problem] = []

    def error(self, position: Position, message: str) -> None:
        """Say that the file itself is wrong."""
        self.errors.append(Problem(position, self.subject, message))

    def note(self, position: Position, message: str) -> None:
        """Say what does not come along, or comes along changed."""
        self.notes.append(Problem(position, self.subject, message, Severity.WARNING))


def slug(*parts: str) -> str:
    """Return a name that is valid with us, made of parts."""
    joined = _SLUG.sub("-", "-".join(part for part in parts if part).lower()).strip("-")
    return joined[:_LONGEST_NAME].strip("-") or "slo"


def ratio(account: Account, fields: Fields, key: str, *, percent: bool) -> Decimal:
    """Return a target as an exact ratio; one that leaves no budget is an error."""
    value = fields.number(key)
    whole = Decimal(100) if percent else Decimal(1)
    if not 0 < value < whole:
        account.error(
            fields.position, f"{fields.path(key)} {value} leaves no budget, or is none; correct it"
        )
        return Decimal("0.5")
    return value.scaleb(-2) if percent else value


def split_labels(account: Account, labels: dict[str, str], at: Position) -> dict[str, Data]:
    """Return the labels that OpenSLO allows; the others are noted."""
    kept: dict[str, Data] = {}
    for key, value in labels.items():
        if _LABEL.fullmatch(key) and value:
            kept[key] = value
        else:
            account.note(at, f'the label "{key}" is not one that OpenSLO allows; left out')
    return kept


def limit_of(query: str) -> str | None:
    """Return the bucket that a query over a histogram compares with, as a duration.

    `None` where there is none, are several, or the metric's name does not say its unit.
    """
    found = {(name, bound) for name, bound in _BUCKET.findall(query)}
    if len(found) != 1:
        return None
    name, bound = found.pop()
    return duration_of(name, bound)


def duration_of(metric: str, number: str) -> str | None:
    """Return a number in the unit that a metric's name says, as a duration."""
    unit = next((unit for suffix, unit in _UNITS if metric.endswith(suffix)), None)
    if unit is None:
        return None
    try:
        value = Decimal(number)
    except InvalidOperation:
        return None
    if not value.is_finite() or value <= 0:
        return None
    if unit == "s" and value != value.to_integral_value():
        value, unit = value * 1000, "ms"
    return f"{value.normalize():f}{unit}"


def source(kind: str, spec: dict[str, Data]) -> dict[str, Data]:
    """Return an OpenSLO metric that keeps a query of another system."""
    return {"metricSource": {"type": kind, "spec": spec}}
