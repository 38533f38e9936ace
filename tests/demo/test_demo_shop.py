"""The shop tells the truth: what it counted is what its spans show."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from shop_receiver import Receiver, Seen, by_trace, count, entry_of, serving

from sloengine.clock import FrozenClock, SystemClock
from sloengine.demo import DEFINITIONS, DemoResult, Truth, differences, run_demo
from sloengine.errors import OperatorError

NOW_NS = 1_795_392_000 * 10**9
TRACES = 2_000
REPOSITORY = Path(__file__).parents[2]


def send(traces: int = TRACES, seed: int = 4, now_ns: int = NOW_NS) -> tuple[DemoResult, Receiver]:
    receiver = Receiver()
    with serving(receiver) as port:
        clock = FrozenClock(now_ns)
        return run_demo(f"127.0.0.1:{port}", clock=clock, traces=traces, seed=seed), receiver


@pytest.fixture(scope="module")
def sent() -> tuple[DemoResult, Receiver]:
    return send()


@pytest.fixture(scope="module")
def shop(sent: tuple[DemoResult, Receiver]) -> tuple[DemoResult, list[list[Seen]]]:
    result, receiver = sent
    return result, by_trace(receiver.spans)


def purchases(traces: list[list[Seen]]) -> list[list[Seen]]:
    found = []
    for trace in traces:
        entry = entry_of(trace)
        if entry is not None and entry.attributes["http.route"] == "/api/checkout":
            found.append(trace)
    return found


def of(trace: list[Seen], service: str, kind: int = Span.SPAN_KIND_SERVER) -> list[Seen]:
    return [span for span in trace if span.service == service and span.kind == kind]


def test_an_independent_judge_of_the_spans_finds_the_truth(
    sent: tuple[DemoResult, Receiver],
) -> None:
    result, receiver = sent
    assert differences(result.truth, count(receiver.spans)) == []
    assert result.truth.traces() == result.traces == result.acknowledged_traces == TRACES
    assert result.spans == result.acknowledged_spans == len(receiver.spans)
    assert result.lost == 0


def test_every_fault_happens_and_has_its_effect(
    shop: tuple[DemoResult, list[list[Seen]]],
) -> None:
    result, traces = shop
    truth = result.truth
    unreachable = gold = healed = cart = 0
    for trace in purchases(traces):
        entry = entry_of(trace)
        assert entry is not None
        attempts = [s for s in trace if s.service == "checkout" and s.name.endswith("/Charge")]
        charges = of(trace, "payment")
        if attempts and not charges:
            unreachable += 1
            assert entry.error
        elif entry.error:
            gold += 1
            tiers = {
                s.attributes["demo.user_context.loyalty_level"] for s in trace if s.name == "charge"
            }
            assert tiers == {"gold"}
        elif any(charge.error for charge in charges):
            healed += 1
            assert len(charges) == 2
        if any(span.error and span.name.endswith("/EmptyCart") for span in of(trace, "cart")):
            cart += 1
            assert not entry.error
    assert unreachable == truth.unreachable_failures == truth.unreachable_purchases > 0
    assert gold == truth.gold_failures > 0
    assert truth.other_tier_failures == 0
    assert healed == truth.healed_retries > 0
    assert cart == truth.masked_cart_errors > 0
    assert truth.slow_checkouts > 0
    assert truth.slow_quotes > 0


def test_only_foreign_addresses_wait_for_the_carrier(
    shop: tuple[DemoResult, list[list[Seen]]],
) -> None:
    _, traces = shop
    slow = 0
    for trace in traces:
        for rates in of(trace, "shipping", Span.SPAN_KIND_CLIENT):
            if rates.attributes.get("server.address") != "rates.carrier.example":
                continue
            quoting = next(s for s in of(trace, "shipping") if s.span_id == rates.parent_id)
            assert quoting.attributes["demo.shipping.country"] != "US"
            slow += rates.end_ns - rates.start_ns > 4 * 10**9
    assert slow > 0


def test_traces_are_whole_trees_of_several_services(
    shop: tuple[DemoResult, list[list[Seen]]],
) -> None:
    result, traces = shop
    services: Counter[str] = Counter()
    for trace in traces:
        ids = {span.span_id for span in trace}
        assert len(ids) == len(trace)
        roots = [span for span in trace if not span.parent_id]
        assert len(roots) == 1
        assert {span.parent_id for span in trace if span.parent_id} <= ids
        assert all(result.start_ns <= s.start_ns <= s.end_ns <= result.end_ns for s in trace)
        services.update({span.service for span in trace})
    assert len(services) == 10
    assert max(len({span.service for span in trace}) for trace in traces) == 10


def test_the_proxy_speaks_in_strings(shop: tuple[DemoResult, list[list[Seen]]]) -> None:
    _, traces = shop
    proxies = [span for trace in traces for span in of(trace, "frontend-proxy")]
    assert {type(span.attributes["http.status_code"]) for span in proxies} == {str}
    assert all(s.error == (s.attributes["http.status_code"] == "500") for s in proxies)


def test_the_same_seed_tells_the_same_visits_at_any_hour() -> None:
    def told(receiver: Receiver, now_ns: int) -> set[tuple[object, ...]]:
        return {
            (s.service, s.name, s.trace_id, s.span_id, s.parent_id, s.error, s.start_ns - now_ns)
            for s in receiver.spans
        }

    first, one = send(200, seed=7)
    later, two = send(200, seed=7, now_ns=NOW_NS + 10**15)
    other, three = send(200, seed=8)
    assert told(one, NOW_NS) == told(two, NOW_NS + 10**15)
    assert first.truth == later.truth
    assert {s.trace_id for s in one.spans}.isdisjoint({s.trace_id for s in three.spans})
    assert other.traces == 200


def test_what_is_refused_is_counted_as_lost() -> None:
    receiver = Receiver(refuse_every=7)
    with serving(receiver) as port:
        result = run_demo(f"127.0.0.1:{port}", clock=SystemClock(), traces=600, seed=1)
    assert result.traces == 600
    assert result.acknowledged_spans == len(receiver.spans) < result.spans
    assert result.lost > 0


def test_a_disabled_sdk_is_told_apart_from_a_quiet_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with pytest.raises(OperatorError, match="OTEL_SDK_DISABLED"):
        run_demo("127.0.0.1:9", clock=SystemClock(), traces=10)


def test_progress_names_every_fault_in_turn() -> None:
    shown: list[tuple[int, int, str]] = []
    receiver = Receiver()
    with serving(receiver) as port:
        run_demo(
            f"127.0.0.1:{port}",
            clock=SystemClock(),
            traces=400,
            progress=lambda made, total, fault: shown.append((made, total, fault.name)),
        )
    assert shown[-1][:2] == (400, 400)
    assert [made for made, _, _ in shown] == sorted(made for made, _, _ in shown)
    order = list(dict.fromkeys(name for _, _, name in shown if name != "NONE"))
    assert order == ["GOLD_PAYMENT", "CARRIER_SLOW", "PAYMENT_UNREACHABLE", "CART_INSIDE"]


def test_differences_name_the_transaction_and_both_counts() -> None:
    truth = Truth()
    truth.count("checkout", "failed")
    counted = {"checkout": {"good": 1}, "browse": {"good": 2}}
    assert differences(truth, counted) == [
        "browse, good: the shop had 0, the engine counts 2",
        "checkout, failed: the shop had 1, the engine counts 0",
        "checkout, good: the shop had 0, the engine counts 1",
    ]


def test_the_package_carries_the_definitions_of_the_repository() -> None:
    """After a change: copy the files to `sloengine/demo/definitions/`; their tests stay here."""
    ours = {path.name: path.read_bytes() for path in DEFINITIONS.glob("*.yaml")}
    theirs = {
        path.name: path.read_bytes()
        for path in (REPOSITORY / "slo-definitions").glob("*.yaml")
        if not path.name.endswith(".test.yaml")
    }
    assert ours == theirs
    assert "checkout.yaml" in ours
