"""doctor: each ailment is found, with its number and its cure; healthy traces are left in peace."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from inspection_kit import (
    CLIENT,
    NOON_NS,
    SECOND_NS,
    SERVER,
    S,
    checkout,
    plan_of_text,
    wire,
    write_trace_file,
)

from sloengine.authoring.against import Sightings
from sloengine.authoring.doctor import (
    Check,
    Diagnosis,
    Level,
    Waits,
    examine,
    examine_files,
    render_json,
    render_text,
)
from sloengine.authoring.doctor.engine import EngineSays
from sloengine.authoring.scan import Arrived, scan
from sloengine.definitions import Plan
from sloengine.report import TerminalStyle

WAITS = Waits(10 * SECOND_NS, 120 * SECOND_NS)
LONG_AFTER_NS = NOON_NS + 3600 * SECOND_NS


@dataclass(frozen=True)
class Requests:
    """Payloads, each with its arrival in seconds after noon; `None` as in files."""

    items: Sequence[tuple[float | None, bytes]]

    @property
    def path(self) -> Path:
        return Path("requests")

    @property
    def bytes(self) -> int:
        return 0

    def requests(self) -> Iterator[Arrived]:
        for at_s, payload in self.items:
            at_ns = None if at_s is None else NOON_NS + round(at_s * SECOND_NS)
            yield Arrived(payload, at_ns, "", 0)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of_text(tmp_path / "definitions")


def purchase(trace: int, *, skew_s: float = 0.0, state: str = "") -> tuple[S, ...]:
    """A whole, good purchase that has all that the definitions read."""
    entry = checkout(1, trace=trace)
    everything: dict[str, str | float] = {
        "tier": "gold",
        "demo.order.id": "7",
        "demo.order.amount": 9.5,
        "demo.currency": "EUR",
        "user_agent.synthetic.type": "no",
    }
    entry = replace(entry, attributes={**entry.attributes, **everything}, trace_state=state)
    call = S(2, "frontend", "call", 1, CLIENT, start_s=0.1, length_s=1.0, trace=trace)
    served = S(3, "payment", "Charge", 2, SERVER, start_s=0.2 + skew_s, length_s=0.8, trace=trace)
    return entry, call, served


def of(diagnosis: Diagnosis, name: str) -> list[Check]:
    return [check for check in diagnosis.checks if check.name == name]


def examined(plan: Plan, *payloads: bytes) -> Diagnosis:
    return examine([Requests([(None, payload) for payload in payloads])], plan)


def arrived(plan: Plan, *items: tuple[float, bytes], says: EngineSays | None = None) -> Diagnosis:
    return examine([Requests(items)], plan, waits=WAITS, now_ns=LONG_AFTER_NS, says=says)


def test_healthy_traces_are_left_in_peace(plan: Plan) -> None:
    diagnosis = arrived(plan, *((i, wire(*purchase(i + 1))) for i in range(20)))
    assert diagnosis.to_mend == diagnosis.to_watch == 0
    text = render_text(diagnosis)
    assert "All is well." in text
    assert "100% of named parents arrived" in text
    assert "all 8 that definitions read are sent" in text
    assert len(of(diagnosis, "late spans")) == 1


def test_an_engine_beside_an_agent_is_recognised_by_its_missing_parents(plan: Plan) -> None:
    """The agent's engine sees the children of other machines' spans, never those spans."""
    parts = [wire(S(5, "stock", "reserve", parent=99, trace=i)) for i in range(1, 63)]
    whole = [wire(*purchase(i)[:2]) for i in range(100, 138)]
    (check,) = of(examined(plan, *parts, *whole), "whole traces")
    assert check.level is Level.MEND
    assert check.text.startswith("62.0% of named parents never arrived")
    assert "62 traces incomplete" in check.text
    assert "stock" in check.text
    assert "route by trace id" in check.cures[0]
    assert "docs/collector.md" in check.cures[0]


def test_a_few_missing_parents_are_losses_on_the_way(plan: Plan) -> None:
    part = wire(S(5, "stock", "reserve", parent=99, trace=1))
    whole = [wire(*purchase(i)[:2]) for i in range(100, 140)]
    (check,) = of(examined(plan, part, *whole), "whole traces")
    assert check.level is Level.MEND
    assert "drop spans" in check.cures[0]


def test_parents_before_entries_are_no_ailment(plan: Plan) -> None:
    payloads = [wire(replace(purchase(i)[0], parent=99)) for i in range(1, 20)]
    (check,) = of(examined(plan, *payloads), "whole traces")
    assert check.level is Level.OK


def test_traces_that_may_still_grow_are_not_asked_for_parents(plan: Plan) -> None:
    items = [(float(i), wire(S(5, "stock", "x", parent=99, trace=i))) for i in range(1, 9)]
    now_ns = NOON_NS + 20 * SECOND_NS
    diagnosis = examine([Requests(items)], plan, waits=WAITS, now_ns=now_ns)
    (check,) = of(diagnosis, "whole traces")
    assert check.level is Level.NONE
    assert "too early" in check.text


@pytest.mark.parametrize(("skew_s", "word"), [(0.34, "ahead of"), (-0.34, "behind")])
def test_a_wrong_clock_is_named_with_its_offset(plan: Plan, skew_s: float, word: str) -> None:
    payloads = [wire(*purchase(i, skew_s=skew_s)) for i in range(1, 20)]
    (check,) = of(examined(plan, *payloads), "clock skew")
    assert check.level is Level.WATCH
    assert check.text.startswith(f"payment is 340.0 ms {word} its callers")
    assert "NTP" in check.cures[0]


def test_a_server_that_works_on_after_its_answer_has_no_wrong_clock(plan: Plan) -> None:
    payloads = []
    for i in range(1, 20):
        entry, call, served = purchase(i)
        payloads.append(wire(entry, call, replace(served, length_s=1.9)))
    (check,) = of(examined(plan, *payloads), "clock skew")
    assert check.level is Level.OK


def test_spans_that_end_after_they_arrived_have_a_wrong_clock(plan: Plan) -> None:
    diagnosis = arrived(plan, *((-60.0, wire(*purchase(i))) for i in range(1, 20)))
    texts = [check.text for check in of(diagnosis, "clock skew")]
    assert any("end after they arrived here" in text for text in texts)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("ot=th:c", "1 in 4 (ot=th:c)"),
        ("vendor=x,ot=rv:12345678901234;th:8", "1 in 2 (ot=th:8)"),
        ("ot=p:3;r:9", "1 in 8 (ot=p:3)"),
    ],
)
def test_sampling_marks_are_read(plan: Plan, state: str, said: str) -> None:
    (check,) = of(examined(plan, wire(*purchase(1, state=state))), "sampling")
    assert check.level is Level.WATCH
    assert said in check.text
    assert check.text.startswith("33.3% of spans")


@pytest.mark.parametrize("state", ["ot=th:0", "ot=p:0", "other=th:c", "ot=rv:12345678901234"])
def test_what_stands_for_itself_is_not_sampled(plan: Plan, state: str) -> None:
    (check,) = of(examined(plan, wire(*purchase(1, state=state))), "sampling")
    assert check.level is Level.OK


def test_a_sample_rate_attribute_is_a_mark_too(plan: Plan) -> None:
    entry, *rest = purchase(1)
    rated = replace(entry, attributes={**entry.attributes, "SampleRate": 20.0})
    (check,) = of(examined(plan, wire(rated, *rest)), "sampling")
    assert "1 in 20 (SampleRate 20)" in check.text


def test_duplicated_spans_are_counted_and_called_harmless(plan: Plan) -> None:
    payload = wire(*purchase(1))
    changed = wire(*purchase(1, skew_s=0.01))
    (check,) = of(examined(plan, payload, payload, changed), "duplicates")
    assert check.level is Level.WATCH
    assert check.text.startswith("66.7% of spans came again")
    assert "1 said something else" in check.text


def test_an_attribute_that_an_entry_needs_and_nobody_sends_is_to_mend(plan: Plan) -> None:
    spans = S(1, "frontend", "POST", kind=SERVER, attributes={"http_route": "/api/checkout"})
    checks = {check.text: check for check in of(examined(plan, wire(spans)), "attribute")}
    check = checks['span.attributes["http.route"] is on no span']
    assert check.level is Level.MEND
    assert '"http_route" is sent' in check.cures[0]


def test_a_customer_that_is_sometimes_missing_is_to_watch(plan: Plan) -> None:
    payloads = []
    for i in range(1, 48):
        entry, *rest = purchase(i)
        if i == 1:
            kept = {key: v for key, v in entry.attributes.items() if key != "user.id"}
            entry = replace(entry, attributes=kept)
        payloads.append(wire(entry, *rest))
    (check,) = of(examined(plan, *payloads), "attribute")
    assert check.level is Level.WATCH
    assert check.text == "customer of checkout is nil on 2.1% of 47 transactions"


def test_late_spans_come_with_the_wait_that_would_hold_them(plan: Plan) -> None:
    items: list[tuple[float, bytes]] = []
    for i in range(1, 101):
        entry, call, served = purchase(i)
        items.append((float(i), wire(entry, call)))
        items.append((i + (13.2 if i <= 4 else 1.0), wire(served)))
    checks = of(arrived(plan, *sorted(items)), "late spans")
    (check,) = checks
    assert check.level is Level.MEND
    assert check.text.startswith("4.0% of payment spans arrive after idle_wait (10 s); p99 is 13.2")
    assert check.cures[0].startswith("set processor.idle_wait to 15s")


def test_a_trace_that_is_not_whole_is_waited_for_and_not_late(plan: Plan) -> None:
    """The child came first and its parent 30 s later: the engine still waits for it."""
    items = []
    for i in range(1, 30):
        _, call, served = purchase(i)
        items += [(float(i), wire(served)), (i + 30.0, wire(replace(call, parent=0)))]
    (check,) = of(arrived(plan, *sorted(items)), "late spans")
    assert check.level is Level.OK


def test_after_max_wait_everything_is_late(plan: Plan) -> None:
    items = []
    for i in range(1, 30):
        _, call, served = purchase(i)
        items += [(float(i), wire(served)), (i + 130.0, wire(replace(call, parent=0)))]
    (check,) = of(arrived(plan, *sorted(items)), "late spans")
    assert check.level is Level.MEND
    assert "beyond max_wait" in check.cures[0]


def test_definitions_that_match_nothing_are_to_mend(plan: Plan) -> None:
    diagnosis = examined(
        plan, *(wire(S(1, "admin", "GET", kind=SERVER, trace=i + 1)) for i in range(9))
    )
    texts = {check.text: check.level for check in of(diagnosis, "definitions")}
    assert texts[f"{plan.revision}: no transaction of checkout in 9 traces"] is Level.MEND
    assert texts["100% of customer traffic is mapped by no definition"] is Level.WATCH


def test_no_traffic_at_all_is_to_mend(plan: Plan) -> None:
    diagnosis = arrived(plan)
    (check,) = diagnosis.checks
    assert (check.name, check.level) == ("receiving", Level.MEND)


def test_refusals_are_mended_where_the_sender_drops_and_watched_where_it_repeats(
    plan: Plan,
) -> None:
    says = EngineSays(True, None, None, {"malformed": 2, "overloaded": 3}, None, None, None, None)
    diagnosis = arrived(plan, (0.0, wire(*purchase(1))), says=says)
    levels = {check.text: check.level for check in of(diagnosis, "receiving")}
    assert levels == {
        "2 requests refused since the start: malformed": Level.MEND,
        "3 requests refused since the start: overloaded": Level.WATCH,
    }


def test_a_full_disk_is_said_first(plan: Plan) -> None:
    says = EngineSays(True, None, None, {}, "No space left on device", None, None, None)
    diagnosis = arrived(plan, (0.0, wire(*purchase(1))), says=says)
    assert diagnosis.checks[0].level is Level.MEND
    assert "No space left on device" in diagnosis.checks[0].text


def test_spans_without_valid_ids_are_counted(plan: Plan) -> None:
    diagnosis = examined(plan, wire(*purchase(1), replace(purchase(1)[0], number=0)))
    (check,) = of(diagnosis, "receiving")
    assert check.text == "1 span without valid ids, left out"
    assert check.level is Level.MEND


def test_a_scan_with_little_memory_finds_the_same(plan: Plan) -> None:
    """Traces that are complete one after the other need no room for all of them."""
    source = Requests([(None, wire(*purchase(i))) for i in range(1, 50)])
    roomy, tight = Sightings(plan), Sightings(plan)
    assert scan([source], plan, [roomy]).split == 0
    scanned = scan([source], plan, [tight], most_spans=4)
    assert (scanned.split, scanned.traces) == (0, 49)
    assert tight.outcomes == roomy.outcomes
    again = Requests([*source.items, (None, wire(S(9, "late", "x", parent=1, trace=1)))])
    assert scan([again], plan, [Sightings(plan)], most_spans=4).split == 1


def test_files_are_examined_with_what_they_can_tell(tmp_path: Path, plan: Plan) -> None:
    file = write_trace_file(tmp_path / "t.pb", *(wire(*purchase(i)) for i in range(1, 5)))
    diagnosis = examine_files([file], tmp_path / "definitions")
    assert of(diagnosis, "late spans")[0].level is Level.NONE
    assert plan.revision in of(diagnosis, "definitions")[0].text
    text = render_text(diagnosis, TerminalStyle(ascii_only=True))
    assert text.isascii()
    document = json.loads(render_json(diagnosis))
    assert document["toMend"] == 0
    assert {check["level"] for check in document["checks"]} <= {str(level) for level in Level}
