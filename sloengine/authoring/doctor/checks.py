"""The checks, each a function of what was noticed: its number, its limit, its cure."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from sloengine.authoring.against import Sightings, share, suggestion
from sloengine.authoring.doctor.model import Check, Level
from sloengine.authoring.doctor.vitals import PairSkew, ServiceArrivals, Vitals, Waits
from sloengine.authoring.explain.numbers import counted, seconds
from sloengine.authoring.scan import Scanned
from sloengine.report.numbers import count
from sloengine.store import IGNORED, OTHER

_AGENT_SHARE = 0.20
"""Above this share of missing parents traces are split between engines, not lossy."""
_LOSS_SHARE = 0.01
_SOME_SHARE = 0.001
_SKEW_SHARE = 0.01
_SKEW_CALLS = 5
_SKEW_NS = 5 * 10**6
"""Clocks that NTP keeps stand closer than this."""
_LATE_SHARE = 0.01
_NIL_SHARE = 0.01
_MOST = 3
_KEYS = ("customer", "session", "intent")


def whole_traces(vitals: Vitals) -> Check:
    """Did the parents that spans name arrive?"""
    name = "whole traces"
    if not vitals.named_parents:
        if vitals.unsettled:
            text = f"too early: {counted(vitals.unsettled, 'trace')} may still get spans"
            return Check(name, Level.NONE, text, ("ask again in a few minutes",))
        return Check(name, Level.OK, "no span names a parent that matters")
    missing, named = vitals.missing_parents, vitals.named_parents
    lost = missing / named
    arrived = f"{share(named - missing, named)} of named parents arrived"
    excused = f"; {count(vitals.excused)} before entries are excused" if vitals.excused else ""
    if lost <= _SOME_SHARE:
        return Check(name, Level.OK, arrived + excused)
    services = ", ".join(
        name or "(none)" for name, _ in vitals.missing_by_service.most_common(_MOST)
    )
    where = f"children: {services}"
    incomplete = f"{counted(vitals.incomplete, 'trace')} incomplete"
    text = f"{share(missing, named)} of named parents never arrived: {incomplete}; {where}"
    if lost >= _AGENT_SHARE:
        cure = (
            "this engine is probably beside an agent and sees parts of traces; route by trace id "
            "to a gateway (docs/collector.md)"
        )
        return Check(name, Level.MEND, text, (cure,))
    cure = (
        "look for senders that drop spans (queue limits, a sampler per span, a service that is not "
        "instrumented but passes the context on) above these services"
    )
    return Check(name, Level.MEND if lost > _LOSS_SHARE else Level.WATCH, text, (cure,))


def clock_skew(vitals: Vitals) -> list[Check]:
    """Do called services lie inside the calls that reached them?"""
    found = []
    for called, skew in _by_called(vitals).items():
        offset_ns = int(median(skew.offsets_ns)) if skew.offsets_ns else 0
        if (
            skew.outside >= _SKEW_CALLS
            and skew.outside > _SKEW_SHARE * skew.calls
            and abs(offset_ns) >= _SKEW_NS
        ):
            found.append((skew.outside, called, skew, offset_ns))
    found.sort(key=lambda item: (-item[0], item[1]))
    checks = []
    for outside, called, skew, offset_ns in found[:_MOST]:
        where = "ahead of" if offset_ns > 0 else "behind"
        text = f"{called} is {seconds(abs(offset_ns))} {where} its callers"
        if skew.hosts_outside:
            text += f" on {len(skew.hosts_outside)} of {counted(len(skew.hosts), 'host')}"
        text += f" ({share(outside, skew.calls)} of {counted(skew.calls, 'call')})"
        hosts = ", ".join(sorted(skew.hosts_outside)[:_MOST])
        on = f" on hosts {hosts}" if hosts else f" on the hosts of {called}"
        cure = f"durations of one service are safe; correct NTP{on}"
        checks.append(Check("clock skew", Level.WATCH, text, (cure,)))
    if len(found) > _MOST:
        more = f"{counted(len(found) - _MOST, 'more service')}"
        checks.append(Check("clock skew", Level.WATCH, more))
    for service, arrivals in vitals.arrivals.items():
        if arrivals.future > _SKEW_CALLS:
            text = f"{service}: {counted(arrivals.future, 'span')} end after they arrived here"
            cure = f"correct NTP on the hosts of {service}, or here: windows go by these times"
            checks.append(Check("clock skew", Level.WATCH, text, (cure,)))
    if checks:
        return checks
    calls = sum(pair.calls for pair in vitals.pairs.values())
    if not calls:
        return [Check("clock skew", Level.NONE, "no call from service to service to compare")]
    outside = sum(pair.outside for pair in vitals.pairs.values())
    within = f"; {share(outside, calls)} of server spans lie outside their call by less"
    text = f"services agree within {seconds_of(_SKEW_NS)} in {counted(calls, 'call')}"
    return [Check("clock skew", Level.OK, text + (within if outside else ""))]


def _by_called(vitals: Vitals) -> dict[str, PairSkew]:
    """Sum up over callers: where one clock is wrong, it is wrong for all of them."""
    sums: dict[str, PairSkew] = {}
    for (_, called), pair in vitals.pairs.items():
        total = sums.setdefault(called, PairSkew())
        total.calls += pair.calls
        total.outside += pair.outside
        total.offsets_ns += pair.offsets_ns
        total.hosts |= pair.hosts
        total.hosts_outside |= pair.hosts_outside
    return sums


def sampling(vitals: Vitals) -> Check:
    """Do spans say that they stand for others?"""
    if not vitals.marked:
        return Check("sampling", Level.OK, "no span is marked as sampled")
    listed = ", ".join(
        f"{service or '(no service)'} {mark}"
        for (service, mark), _ in vitals.marks.most_common(_MOST)
    )
    text = f"{share(vitals.marked, vitals.spans)} of spans stand for others: {listed}"
    cure = (
        "counts are of the traces that arrived; give this engine the traces from before the "
        "sampler (docs/collector.md, the tee)"
    )
    return Check("sampling", Level.WATCH, text, (cure,))


def duplicates(vitals: Vitals) -> Check:
    """Do spans come more than once?"""
    if vitals.copies <= _SOME_SHARE * vitals.spans:
        few = f"{count(vitals.copies)} of {counted(vitals.spans, 'span')} came again"
        return Check("duplicates", Level.OK, few if vitals.copies else "no span came twice")
    text = f"{share(vitals.copies, vitals.spans)} of spans came again, each is counted once"
    if vitals.conflicts:
        text += f"; {count(vitals.conflicts)} said something else the second time"
    cure = (
        "nothing is counted twice; look for two pipelines that send here, or a sender whose "
        "timeout is too short and repeats what was taken"
    )
    return Check("duplicates", Level.WATCH, text, (cure,))


def late_spans(vitals: Vitals, waits: Waits | None) -> list[Check]:
    """Do spans come after their trace was judged?"""
    name = "late spans"
    services = {service: found for service, found in vitals.arrivals.items() if found.spans}
    if waits is None or not services:
        return [Check(name, Level.NONE, "files do not say when spans arrived; ask a store")]
    total = sum(found.spans for found in services.values())
    late = sum(found.late for found in services.values())
    checks = []
    for service, found in sorted(services.items(), key=lambda item: -item[1].late)[:_MOST]:
        if found.late > _SOME_SHARE * found.spans:
            checks.append(_late_service(service, found, waits))
    if checks:
        return checks
    text = f"{share(late, total)} of spans arrive after their trace was judged"
    return [Check(name, Level.OK, text if late else "none")]


def _late_service(service: str, found: ServiceArrivals, waits: Waits) -> Check:
    idle = seconds_of(waits.idle_ns)
    who = service or "(no service)"
    text = f"{share(found.late, found.spans)} of {who} spans arrive after idle_wait ({idle})"
    # The late ones are those with the longest waits of all: so the 99th percentile of all spans is
    # found among them, as many from the top as are one in a hundred of all.
    ordered = sorted(found.waits_ns)
    from_top = found.spans // 100 * len(ordered) // found.late
    percentile_ns = ordered[max(0, len(ordered) - 1 - from_top)]
    above = -(-max(percentile_ns, waits.idle_ns) // 10**9) + 1
    is_much = found.late > _LATE_SHARE * found.spans
    if is_much:
        text += f"; p99 is {seconds(percentile_ns)}"
    cure = (
        f"set processor.idle_wait to {above}s, or shorten the batch timeout of the sender of {who}"
    )
    if above * 10**9 > waits.max_ns:
        cure = f"shorten the batch timeout of the sender of {who}: it is beyond max_wait"
    return Check("late spans", Level.MEND if is_much else Level.WATCH, text, (cure,))


def seconds_of(ns: int) -> str:
    """Return a setting as it is written: `10 s`, `5 ms`."""
    return f"{ns / 10**9:g} s" if ns >= 10**9 else f"{ns / 10**6:g} ms"


def attributes(sightings: Sightings) -> list[Check]:
    """Is there what the definitions need?"""
    checks = [*_unsent(sightings), *_nil_values(sightings)]
    if checks:
        return checks
    wanted = [field for field in sightings.plan.fields if field.has_key]
    return [Check("attributes", Level.OK, f"all {len(wanted)} that definitions read are sent")]


def _unsent(sightings: Sightings) -> Iterator[Check]:
    """Attributes that no span has, of those that conditions read."""
    plan = sightings.plan
    entries = {index for rule in plan.transactions for index in rule.entry}
    by_field: dict[str, tuple[Level, str, set[str]]] = {}
    for use in sightings.never_held():
        for field in plan.conditions[use.condition].fields:
            if field.has_key and not sightings.fields[field].spans:
                needed = use.condition in entries and not sightings.transactions(use.definition)
                level = Level.MEND if needed else Level.WATCH
                close = suggestion(field, sightings)
                hint = f'; "{close}" is sent: if that is meant, write it' if close else ""
                before = by_field.get(str(field))
                users = {use.definition, *(before[2] if before else ())}
                worst = Level.MEND if before and before[0] is Level.MEND else level
                by_field[str(field)] = (worst, hint, users)
    for field_text, (level, hint, users) in sorted(by_field.items()):
        names = ", ".join(sorted(users)[:_MOST])
        cure = f"send it, or change the definitions that read it ({names}){hint}"
        yield Check("attribute", level, f"{field_text} is on no span", (cure,))


def _nil_values(sightings: Sightings) -> Iterator[Check]:
    for (transaction, name), found in sightings.values.items():
        nil = found.transactions - found.found
        is_key = name in _KEYS
        if not found.transactions or nil <= _NIL_SHARE * found.transactions:
            continue
        if not is_key and found.found:
            continue  # an amount is missing wherever no order was made
        text = (
            f"{name} of {transaction} is nil on {share(nil, found.transactions)} of "
            f"{counted(found.transactions, 'transaction')}"
        )
        use = {
            "customer": "those have no customer",
            "session": "those belong to no session",
            "intent": "those fold no retries",
        }.get(name, "it tells nothing apart")
        level = Level.WATCH if found.found else Level.MEND
        yield Check("attribute", level, text, (f"{use}; set it in the service of the entry",))


def definitions(sightings: Sightings, scanned: Scanned) -> list[Check]:
    """Do the definitions meet the traffic?"""
    plan = sightings.plan
    revision = plan.commit or plan.revision
    name = "definitions"
    checks = []
    unmatched = [rule.name for rule in plan.transactions if not sightings.transactions(rule.name)]
    if unmatched and scanned.traces:
        listed = ", ".join(unmatched[:_MOST]) + (" …" if len(unmatched) > _MOST else "")
        all_of_them = len(unmatched) == len(plan.transactions)
        text = f"{revision}: no transaction of {listed} in {counted(scanned.traces, 'trace')}"
        cure = "sloengine explain-trace on one that should be; sloengine validate --against live"
        checks.append(Check(name, Level.MEND if all_of_them else Level.WATCH, text, (cure,)))
    erring = sum(1 for spans in sightings.erred.values() if spans)
    if erring:
        text = f"{counted(erring, 'condition')} err on some spans, and do not match there"
        checks.append(
            Check(name, Level.WATCH, text, ("sloengine validate --against live lists them",))
        )
    unmapped, mapped = sightings.transactions(OTHER), sightings.mapped
    if unmapped > _AGENT_SHARE * (unmapped + mapped):
        text = (
            f"{share(unmapped, unmapped + mapped)} of customer traffic is mapped by no definition"
        )
        checks.append(Check(name, Level.WATCH, text, ("sloengine discover proposes definitions",)))
    if checks:
        return checks
    never = len({use.condition for use in sightings.never_held()})
    held = "every condition held at least once"
    if never:
        held = f"{counted(never, 'condition')} held on no span yet (failures that did not happen?)"
    ignored = sightings.transactions(IGNORED)
    extra = f", {count(ignored)} ignored" if ignored else ""
    size = counted(len(plan.transactions), "transaction")
    return [Check(name, Level.OK, f"{revision}, {size}{extra}, {held}")]
