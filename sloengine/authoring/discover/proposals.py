"""From traffic to proposals: what could be a business transaction, and what it would promise."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sloengine.authoring.discover.kinds import KindOfRequest, tell_apart
from sloengine.authoring.discover.labels import Label, Quality
from sloengine.authoring.discover.limits import percentile, round_limit
from sloengine.authoring.discover.naming import choose, names_of, slug
from sloengine.authoring.discover.reading import Request, Traffic

LEAST = 5
"""Fewer requests than these are no transaction."""
_LONGEST = 4096
"""Characters of a condition; a name that long is none that people give."""
_LEAST_SHARE = Fraction(1, 500)
_CONSTANT = Fraction(1, 2)
"""A name is a constant where it is that of so many requests to its service."""
_NEARLY_ALL = Fraction(19, 20)
PRIORITY_STEP = 10


@dataclass(frozen=True, slots=True)
class Proposal:
    """A business transaction as it could be; durations are of requests that did not fail."""

    name: str
    entry: Label
    call: Label | None
    """What a request of this kind calls; `None` where its entry says all, or calls nobody."""
    calls_nobody: bool
    priority: int
    topmost: bool
    """The entry must have no SERVER or CONSUMER above it: elsewhere services call it, too."""
    call_fails: bool
    """An ERROR of the call is a failure: the entry never has one."""
    requests: int
    failed: int
    p50_ns: int
    p99_ns: int
    limit_ns: int
    example: int
    """The trace id of the slowest request."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """All that traffic suggests."""

    transactions: tuple[Proposal, ...]
    """Those with the most requests first."""
    health: tuple[Label, ...]
    health_requests: int
    rest: tuple[tuple[Label, int], ...]
    """Requests that nothing is proposed for, most first."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A proposal without its name."""

    entry: int
    kind: KindOfRequest
    is_kind: bool
    """Whether the entry alone does not tell it."""
    priority: int


def propose(traffic: Traffic, taken: Collection[str]) -> Proposals:
    """Propose business transactions; names in `taken` are in use."""
    labels = traffic.labels
    health: Counter[int] = Counter()
    rest: Counter[int] = Counter()
    by_entry: dict[int, list[Request]] = defaultdict(list)
    for request in _nearer(traffic):
        label = labels[request.label]
        if label.is_health:
            health[request.label] += 1
        elif label.is_file or len(label.condition) > _LONGEST:
            rest[request.label] += 1
        else:
            by_entry[request.label].append(request)
    customers = sum(map(len, by_entry.values()))
    least = max(LEAST, -(-customers * _LEAST_SHARE.numerator // _LEAST_SHARE.denominator))
    of_service: Counter[str | None] = Counter()
    for entry, requests in by_entry.items():
        of_service[labels[entry].service] += len(requests)
    drafts: list[_Draft] = []
    for entry, requests in by_entry.items():
        label = labels[entry]
        constant = label.says_nothing or len(requests) >= _CONSTANT * of_service[label.service]
        kinds = (
            tell_apart(requests, labels, least=least)
            if label.quality is Quality.NAME and constant
            else []
        )
        if kinds:
            drafts += _drafts(entry, kinds)
            rest[entry] += len(requests) - sum(len(kind.requests) for kind in kinds)
        elif len(requests) >= least:
            members = tuple(sorted(requests, key=lambda request: request.entry))
            drafts.append(_Draft(entry, KindOfRequest(None, members), False, 0))
        else:
            rest[entry] += len(requests)
    drafts.sort(key=lambda draft: (-len(draft.kind.requests), _key(draft, labels)))
    names = choose([_names(draft, labels) for draft in drafts], taken)
    return Proposals(
        tuple(_proposal(name, draft, traffic) for name, draft in zip(names, drafts, strict=True)),
        tuple(sorted((labels[n] for n in health), key=lambda label: label.condition)),
        health.total(),
        tuple((labels[n], count) for n, count in rest.most_common() if count),
    )


def _nearer(traffic: Traffic) -> list[Request]:
    """Replace a proxy's request, which has only a path, by the one behind it that has a route.

    Only for services behind which there is always exactly one such request, and whose routes
    nobody else asks for.
    """
    labels = traffic.labels
    by_service: dict[str | None, list[Request]] = defaultdict(list)
    for request in traffic.requests:
        label = labels[request.label]
        if label.quality is Quality.PATH and not label.is_health and not label.is_file:
            by_service[label.service].append(request)
    replaced: dict[tuple[int, int, int], Request] = {}
    for requests in by_service.values():
        behind = [
            (request, request.first_served)
            for request in requests
            if request.first_served is not None
            and labels[request.first_served.label].quality is Quality.ROUTE
        ]
        times = Counter(served.label for _, served in behind)
        alone = all(traffic.inner.get(label, 0) == count for label, count in times.items())
        if alone and len(behind) >= _NEARLY_ALL * len(requests):
            replaced |= {request.entry: served for request, served in behind}
            for number, count in times.items():
                traffic.inner[number] -= count
    return [replaced.get(request.entry, request) for request in traffic.requests]


def _drafts(entry: int, kinds: Sequence[KindOfRequest]) -> list[_Draft]:
    """Number the kinds of one entry by priority, where it matters which of them decides first."""
    calls = {kind.call for kind in kinds if kind.call is not None}
    overlap = any(len(calls & request.below) > 1 for kind in kinds for request in kind.requests)
    return [
        _Draft(entry, kind, True, (len(kinds) - place) * PRIORITY_STEP if overlap else 0)
        for place, kind in enumerate(kinds)
    ]


def _key(draft: _Draft, labels: Sequence[Label]) -> tuple[str, str]:
    call = draft.kind.call
    return labels[draft.entry].condition, "" if call is None else labels[call].condition


def _names(draft: _Draft, labels: Sequence[Label]) -> tuple[str, ...]:
    entry = labels[draft.entry]
    if draft.kind.call is not None:
        return names_of(labels[draft.kind.call])
    if draft.is_kind:
        return (slug(f"{entry.service or 'entry'}-alone"), *names_of(entry))
    return names_of(entry)


def _proposal(name: str, draft: _Draft, traffic: Traffic) -> Proposal:
    labels, requests, call = traffic.labels, draft.kind.requests, draft.kind.call
    failed = {request.entry for request in requests if request.failed}
    call_fails = False
    if call is not None and not failed:
        failed = {request.entry for request in requests if call in request.failed_below}
        call_fails = bool(failed)
    served = [request for request in requests if request.entry not in failed] or requests
    durations = sorted(request.end_ns - request.start_ns for request in served)
    slowest = max(requests, key=lambda request: (request.end_ns - request.start_ns, request.entry))
    p50_ns, p99_ns = percentile(durations, 50), percentile(durations, 99)
    return Proposal(
        name=name,
        entry=labels[draft.entry],
        call=None if call is None else labels[call],
        calls_nobody=draft.is_kind and call is None,
        priority=draft.priority,
        topmost=traffic.inner.get(draft.entry, 0) > 0,
        call_fails=call_fails,
        requests=len(requests),
        failed=len(failed),
        p50_ns=p50_ns,
        p99_ns=p99_ns,
        limit_ns=round_limit(p50_ns, p99_ns),
        example=slowest.entry[0],
    )
