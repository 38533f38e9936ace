"""`timeWindow` of an SLO: rolling, or aligned to a calendar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sloengine.definitions.duration import parse_calendar_length
from sloengine.definitions.openslo import CALENDAR, WINDOW
from sloengine.definitions.shapes import Context
from sloengine.yamldoc import Node

_SHORT_UNITS = {"m": "minute", "h": "hour"}


@dataclass(frozen=True, slots=True)
class Window:
    """A window without errors."""

    length_ns: int
    """Nothing where it follows a calendar."""
    text: str
    calendar: bool = False


def read_window(context: Context, node: Node) -> Window | None:
    """Read the list with its one window; a problem is noted and gives `None`."""
    source = context.source
    windows = source.sequence(node, "spec.timeWindow")
    if len(windows) > 1:
        source.error(windows[1], "an SLO has exactly one timeWindow; remove the others")
        return None
    if not windows:
        return None
    what = "spec.timeWindow[0]"
    members = source.mapping(windows[0], what, WINDOW.keys, WINDOW.required)
    if members is None:
        return None
    rolling = None
    if "isRolling" in members:
        rolling = source.boolean(members["isRolling"], f"{what}.isRolling")
    if "calendar" in members:
        return _calendar(context, members, what, rolling=rolling)
    if rolling is not True:
        source.error(windows[0], f"{what} needs isRolling: true, or a calendar")
        return None
    length = source.duration(members["duration"], f"{what}.duration")
    return None if length is None else Window(length, members["duration"].text.strip())


def _calendar(
    context: Context, members: Mapping[str, Node], what: str, *, rolling: bool | None
) -> Window | None:
    source = context.source
    if rolling:
        source.error(
            members["isRolling"], f"{what} is rolling or has a calendar, not both; remove one"
        )
    CALENDAR(context, members["calendar"], f"{what}.calendar")
    text = source.text(members["duration"], f"{what}.duration")
    if text is None:
        return None
    try:
        length = parse_calendar_length(text)
    except ValueError as error:
        source.error(members["duration"], f"{what}.duration {error}")
        return None
    if length.unit in _SHORT_UNITS:
        unit = _SHORT_UNITS[length.unit] + "s" * (length.count != 1)
        cure = f"; months are {length.count}M" if length.unit == "m" else ""
        source.warning(
            members["duration"], f"{what}.duration {text} is {length.count} {unit}{cure}"
        )
    return Window(0, text, calendar=True)
