"""`BudgetAdjustment`: time or events that do not count, in git, with a reason."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from itertools import islice

from dateutil.rrule import rrulestr

from sloengine.definitions.catalogue import Definition
from sloengine.definitions.duration import parse_duration
from sloengine.definitions.plan import Adjustment, Recurrence, SloRule, TransactionRule
from sloengine.ottl import FactCondition, OttlError, parse_fact_condition
from sloengine.yamldoc import Node

MAX_PERIODS = 10_000
"""Of one adjustment inside one window; a rule that makes more is a mistake."""
_TOO_OFTEN = ("SECONDLY", "MINUTELY")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def read_adjustment(
    definition: Definition,
    slos: dict[str, SloRule],
    transactions: dict[str, TransactionRule],
) -> Adjustment | None:
    """Read a checked definition; `None` where it has problems, which are added to its source."""
    spec = definition.spec
    zone = _zone(spec)
    start = _instant(spec.find(("start",)), zone)
    if start is None:
        return None
    names = tuple(item.text for item in spec.find(("slos",)).items)
    where = _where(definition, spec.entries.get("where"), names, slos, transactions)
    recurrence = None
    end_ns = start[1]
    if "rrule" in spec.entries:
        recurrence = _recurrence(definition, spec, start[0], zone)
        if recurrence is None:
            return None
    else:
        end = _instant(spec.find(("end",)), zone)
        if end is None:
            return None
        end_ns = end[1]
        if end_ns <= start[1]:
            definition.source.error(spec.find(("end",)), "end must be after start")
            return None
    return Adjustment(
        name=definition.name,
        reason=spec.find(("reason",)).text,
        slos=names,
        start_ns=start[1],
        end_ns=end_ns,
        recurrence=recurrence,
        where=where,
    )


def periods_of(adjustment: Adjustment, start_ns: int, end_ns: int) -> list[tuple[int, int]]:
    """Return the periods of an adjustment that touch [start_ns, end_ns), cut to it, in order.

    A recurring period begins at a local time of its zone and has a length of real time: a night of
    eight hours is eight hours long on the day that clocks change too.
    """
    recurrence = adjustment.recurrence
    if recurrence is None:
        begins = [adjustment.start_ns]
        length_ns = adjustment.end_ns - adjustment.start_ns
    else:
        zone = zoneinfo.ZoneInfo(recurrence.time_zone)
        length_ns = recurrence.duration_ns
        first = dt.datetime.fromisoformat(recurrence.first)
        rule = rrulestr(recurrence.rrule, dtstart=first)
        after = _local(start_ns - length_ns, zone) - dt.timedelta(days=1)
        before = _local(end_ns, zone) + dt.timedelta(days=1)
        local = islice(rule.xafter(after, inc=True), MAX_PERIODS + 1)
        begins = []
        for moment in local:
            if moment > before:
                break
            begins.append(_ns(moment.replace(tzinfo=zone)))
    cut = [(max(begin, start_ns), min(begin + length_ns, end_ns)) for begin in begins]
    return sorted((begin, end) for begin, end in cut if begin < end)


def _recurrence(
    definition: Definition, spec: Node, first: dt.datetime, zone: zoneinfo.ZoneInfo
) -> Recurrence | None:
    node = spec.entries["rrule"]
    text = node.text.strip().removeprefix("RRULE:")
    if any(f"FREQ={often}" in text.upper() for often in _TOO_OFTEN):
        definition.source.error(node, "recurs more than once an hour; use a longer period instead")
        return None
    if "\n" in text or "DTSTART" in text.upper():
        definition.source.error(node, "is one RRULE line; write the first day as start")
        return None
    naive = first.astimezone(zone).replace(tzinfo=None)
    try:
        rrulestr(text, dtstart=naive)
    except (ValueError, TypeError, KeyError) as error:
        definition.source.error(
            node, f"is no RFC 5545 rule ({error}); write it like FREQ=WEEKLY;BYDAY=SU"
        )
        return None
    try:
        duration_ns = parse_duration(spec.entries["duration"].text)
    except (KeyError, ValueError):
        return None  # Its shape has an error already.
    return Recurrence(
        rrule=text, first=naive.isoformat(), time_zone=zone.key, duration_ns=duration_ns
    )


def _where(
    definition: Definition,
    node: Node | None,
    names: tuple[str, ...],
    slos: dict[str, SloRule],
    transactions: dict[str, TransactionRule],
) -> FactCondition | None:
    if node is None:
        return None
    condition = None
    for name in names:
        rule = slos.get(name)
        transaction = transactions.get(rule.transaction) if rule is not None else None
        if transaction is None:
            continue
        dimensions = [dimension.name for dimension in transaction.dimensions]
        try:
            condition = parse_fact_condition(node.text, dimensions)
        except OttlError as error:
            definition.source.ottl_error(node, error)
            return None
    return condition


def _zone(spec: Node) -> zoneinfo.ZoneInfo:
    name = spec.entries["timeZone"].text if "timeZone" in spec.entries else "UTC"
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")


def _instant(node: Node, zone: zoneinfo.ZoneInfo) -> tuple[dt.datetime, int] | None:
    try:
        moment = dt.datetime.fromisoformat(node.text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment, _ns(moment)


def _ns(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1000


def _local(ns: int, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    return (_EPOCH + dt.timedelta(microseconds=ns // 1000)).astimezone(zone).replace(tzinfo=None)
