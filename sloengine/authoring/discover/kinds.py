"""Requests that share one name, told apart by what they call: a list of decisions.

The first decision that holds takes a request, which is what `priority` is for. Rare calls decide
first: the call that only an order makes says more than the one that every page makes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sloengine.authoring.discover.labels import Label
from sloengine.authoring.discover.reading import Request

MOST_KINDS = 24
_OFTEN = Fraction(1, 20)
_MOSTLY = Fraction(4, 5)


@dataclass(frozen=True, slots=True)
class KindOfRequest:
    """Requests that one decision takes."""

    call: int | None
    """The label that tells them; `None`: they call nobody."""
    requests: tuple[Request, ...]


@dataclass(slots=True)
class _Group:
    """Requests that call the same, and have the same below them."""

    calls: frozenset[int]
    below: frozenset[int]
    members: list[Request]


def tell_apart(
    requests: Sequence[Request], labels: Sequence[Label], *, least: int
) -> list[KindOfRequest]:
    """Split requests by what they call, in order of decision; fewer than two kinds are none.

    Kinds with fewer than `least` requests are left out. The result does not depend on the order of
    the requests.
    """
    remaining = _groups(requests)
    # What failed may have stopped early, and would look like a kind of its own.
    typical = _groups(request for request in requests if not _stopped_early(request))
    candidates = {call for group in remaining for call in group.calls} - _accidental(typical)
    places = _places(requests)
    kinds: list[KindOfRequest] = []
    while len(kinds) < MOST_KINDS:
        shapes = {group.calls & candidates for group in typical} - {frozenset()}
        if not shapes and typical is not remaining:
            typical = remaining
            continue
        if not shapes:
            break
        alike = len(shapes) == 1
        members = (member for group in typical for member in group.members)
        ranks = _ranks(typical, candidates, _places(members) if alike else places, alike=alike)
        call = min(ranks, key=lambda one: (ranks[one], labels[one].condition))
        taken = [group for group in remaining if call in group.below]
        if sum(len(group.members) for group in taken) < least:
            candidates.discard(call)
            continue
        kinds.append(KindOfRequest(call, _members(taken)))
        rest = [group for group in remaining if call not in group.below]
        typical = (
            rest
            if typical is remaining
            else [group for group in typical if call not in group.below]
        )
        remaining = rest
    mute = [group for group in remaining if not group.calls]
    if sum(len(group.members) for group in mute) >= least:
        kinds.append(KindOfRequest(None, _members(mute)))
    return kinds if len(kinds) > 1 else []


def _stopped_early(request: Request) -> bool:
    """Whether a request failed, or one of its own calls did, so that others may be missing."""
    return request.failed or not request.failed_below.isdisjoint(request.calls)


def _groups(requests: Iterable[Request]) -> list[_Group]:
    groups: dict[tuple[frozenset[int], frozenset[int]], _Group] = {}
    for request in requests:
        calls = frozenset(request.calls)
        key = (calls, request.below)
        groups.setdefault(key, _Group(calls, request.below, [])).members.append(request)
    return list(groups.values())


def _accidental(groups: Sequence[_Group]) -> set[int]:
    """Calls that come and go within several kinds alike: retries, caches, renewed tokens.

    Such a call leaves behind, when it is taken away, sets of calls that are common without it.
    """
    shapes: Counter[frozenset[int]] = Counter()
    for group in groups:
        shapes[group.calls] += len(group.members)
    found = set()
    for call in {call for shape in shapes for call in shape}:
        with_it = {shape: count for shape, count in shapes.items() if call in shape}
        common = {
            shape: count
            for shape, count in with_it.items()
            if shape - {call} and shapes[shape - {call}] >= _OFTEN * count
        }
        if len(common) > 1 and sum(common.values()) >= _MOSTLY * sum(with_it.values()):
            found.add(call)
    return found


def _places(requests: Iterable[Request]) -> dict[int, Fraction]:
    """The mean place of each call among those of its requests, 0 for the first."""
    total: Counter[int] = Counter()
    times: Counter[int] = Counter()
    for request in requests:
        for place, call in enumerate(request.calls):
            total[call] += place
            times[call] += 1
    return {call: Fraction(total[call], times[call]) for call in times}


def _ranks(
    groups: Sequence[_Group],
    candidates: set[int],
    places: dict[int, Fraction],
    *,
    alike: bool,
) -> dict[int, tuple[Fraction, int, Fraction]]:
    """How well each call decides, the least best: it takes no requests but those that make it
    themselves, it takes few, it comes early.

    Where all that is left is `alike`, how many it takes says nothing.
    """
    made: Counter[int] = Counter()
    present: Counter[int] = Counter()
    for group in groups:
        for call in candidates & group.calls:
            made[call] += len(group.members)
        for call in candidates & group.below:
            present[call] += len(group.members)
    return {
        call: (
            Fraction(present[call] - made[call], present[call]),
            0 if alike else present[call],
            places[call],
        )
        for call in made
    }


def _members(groups: Iterable[_Group]) -> tuple[Request, ...]:
    members = [member for group in groups for member in group.members]
    return tuple(sorted(members, key=lambda request: request.entry))
