"""How much the traces at hand can say: from when to when, and which share of a window."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from sloengine.definitions import SloRule
from sloengine.report import numbers
from sloengine.report.moments import span_of, window_in_words


@dataclass(frozen=True, slots=True)
class History:
    """What was read: how many spans, and the time from the first event to just after the last.

    Both instants are `None` where no span was a customer's request.
    """

    spans: int
    start_ns: int | None
    end_ns: int | None


def covered_share(history: History, window_ns: int) -> Fraction:
    """Return the share of a window that ends with the history and that the history reaches over.

    Gaps inside the history are not seen, so this is the most that it can cover.
    """
    if history.start_ns is None or history.end_ns is None:
        return Fraction(0)
    return min(Fraction(1), Fraction(history.end_ns - history.start_ns, window_ns))


def in_words(history: History, slos: Iterable[SloRule]) -> str:
    """Return what the history covers, with the share of each window, rounded down."""
    spans = f"{numbers.count(history.spans)} spans"
    if history.start_ns is None or history.end_ns is None:
        return f"{spans}, among them no request of a customer"
    length = numbers.duration(history.end_ns - history.start_ns)
    windows = {slo.window_ns: slo.window_text for slo in slos}
    shares = [
        f"{share_in_words(covered_share(history, window_ns))} of {window_in_words(text)}"
        for window_ns, text in sorted(windows.items())
    ]
    covers = f": {', '.join(shares)}" if shares else ""
    return f"{spans}, {span_of(history.start_ns, history.end_ns)} UTC, {length}{covers}"


def share_in_words(share: Fraction) -> str:
    """Return a covered share in percent, rounded down; a little is not nothing."""
    least = Fraction(1, 10_000)
    if 0 < share < least:
        return "under 0.01%"
    return numbers.percent(share, 2, numbers.Worse.DOWN)
