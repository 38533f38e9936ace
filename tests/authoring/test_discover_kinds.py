"""Requests of one name, told apart by what they call."""

from __future__ import annotations

from pathlib import Path

import pytest
from trace_files import MS, S, write_traces

from sloengine.authoring.discover import Discovery, discover, write
from sloengine.authoring.discover.documents import entry_in_words
from sloengine.clock import SystemClock
from sloengine.definitions import load_definitions
from sloengine.errors import OperatorError
from sloengine.replay import TraceFile, replay
from sloengine.slo import error_budget
from sloengine.store import Store

Trace = list[S]


def call(method: str, *, parent: int = 0, service: str = "web", error: bool = False) -> S:
    attributes = {"rpc.service": "shop.Api", "rpc.method": method}
    return S(service, f"shop.Api/{method}", 3, parent, 50, error, attributes)


def page(*methods: str, ms: float = 100) -> Trace:
    """A request to a frontend that calls every page the same."""
    return [S("web", "web/Recv.", ms=ms), *(call(method) for method in methods)]


def found_in(tmp_path: Path, traces: list[Trace], existing: Path | None = None) -> Discovery:
    file = write_traces(tmp_path / "traces.jsonl", traces)
    return discover([TraceFile(file)], existing=existing)


def counts(discovery: Discovery) -> dict[str, int]:
    return {row.proposal.name: row.total for row in discovery.rows}


def test_rare_calls_decide_first_and_each_kind_gets_its_priority(tmp_path: Path) -> None:
    discovery = found_in(
        tmp_path,
        [
            *[page("GetCart", "GetProduct")] * 40,
            *[page("GetCart", "GetProduct", "GetQuote")] * 20,
            *[page("GetCart", "GetProduct", "GetQuote", "PlaceOrder")] * 10,
            *[page()] * 15,
        ],
    )
    assert counts(discovery) == {
        "get-cart": 40,
        "get-quote": 20,
        "web-alone": 15,
        "place-order": 10,
    }
    by_priority = sorted(discovery.rows, key=lambda row: -row.proposal.priority)
    assert [row.proposal.name for row in by_priority] == [
        "place-order",
        "get-quote",
        "get-cart",
        "web-alone",
    ]
    assert discovery.other == 0


def test_a_call_that_comes_and_goes_everywhere_makes_no_kind(tmp_path: Path) -> None:
    """A token that is renewed now and then must not split every page in two."""
    pages = [page("GetProduct"), page("GetCart"), page("PlaceOrder")]
    renewed = [page("GetProduct", "Renew"), page("GetCart", "Renew"), page("PlaceOrder", "Renew")]
    discovery = found_in(tmp_path, [*pages * 30, *renewed * 10])
    assert counts(discovery) == {"get-product": 40, "get-cart": 40, "place-order": 40}


def test_a_failing_request_that_stops_early_stays_with_its_kind(tmp_path: Path) -> None:
    discovery = found_in(
        tmp_path,
        [
            *[page("GetProduct", "GetAds")] * 30,
            *[page("PlaceOrder", "GetProduct")] * 30,
            *[[S("web", "web/Recv."), call("PlaceOrder", error=True)]] * 6,
        ],
    )
    assert counts(discovery) == {"place-order": 36, "get-product": 30}


def test_a_status_below_counts_where_the_entry_never_has_one(tmp_path: Path) -> None:
    failing = [S("web", "web/Recv."), call("PlaceOrder", error=True)]
    discovery = found_in(
        tmp_path, [*[page("PlaceOrder")] * 40, *[failing] * 10, *[page("GetCart")] * 50]
    )
    rows = {row.proposal.name: row for row in discovery.rows}
    assert (rows["place-order"].good, rows["place-order"].total) == (40, 50)
    assert rows["get-cart"].good == 50


def test_a_gateway_is_looked_through_to_the_route_below(tmp_path: Path) -> None:
    """The same route below another one is that one's business."""

    def through(service: str, route: str, *deeper: tuple[str, str]) -> Trace:
        spans = [S("gateway", "/*"), S("gateway", "HTTP GET", 3, 0)]
        for place, (name, path) in enumerate([(service, route), *deeper], 1):
            spans.append(S(name, path, 2, place, 40, False, {"http.route": path}))
        return spans

    discovery = found_in(
        tmp_path,
        [
            *[through("search", "/api/v1/search")] * 30,
            *[through("book", "/api/v1/book", ("search", "/api/v1/search"))] * 10,
        ],
    )
    assert counts(discovery) == {"search": 30, "book": 10}
    assert {entry_in_words(row.proposal) for row in discovery.rows} == {
        "gateway /* → /api/v1/search",
        "gateway /* → /api/v1/book",
    }


def routed(route: str, *, service: str = "web", parent: int | None = None) -> S:
    attributes = {"http.request.method": "GET", "http.route": route}
    return S(service, f"GET {route}", 2, parent, 100, False, attributes)


def test_a_route_that_services_ask_for_too_counts_only_for_customers(tmp_path: Path) -> None:
    inner = [routed("/cart"), call("x"), routed("/stock", service="stock", parent=1)]
    discovery = found_in(tmp_path, [*[inner] * 10, *[[routed("/stock", service="stock")]] * 10])
    assert counts(discovery) == {"cart": 10, "stock": 10}


def test_health_checks_become_an_ignore_and_files_stay_in_other(tmp_path: Path) -> None:
    discovery = found_in(
        tmp_path,
        [*[[routed("/cart")]] * 10, *[[routed("/healthz")]] * 7, *[[routed("/robots.txt")]] * 3],
    )
    assert counts(discovery) == {"cart": 10}
    assert discovery.proposals.health_requests == 7
    assert discovery.other == 3
    assert [name for name, _ in discovery.files] == ["cart.yaml", "ignore-health-checks.yaml"]


def test_requests_that_come_too_seldom_stay_in_other(tmp_path: Path) -> None:
    discovery = found_in(tmp_path, [*[[routed("/cart")]] * 10, *[[routed("/rare")]] * 4])
    assert (counts(discovery), discovery.other) == ({"cart": 10}, 4)


def test_what_exists_already_is_left_out_and_its_names_are_not_used(tmp_path: Path) -> None:
    first = found_in(tmp_path, [[routed("/cart")]] * 10)
    write(first, tmp_path / "existing")
    both = [*[[routed("/cart")]] * 10, *[[routed("/cart", service="kiosk")]] * 6]
    second = found_in(tmp_path, both, existing=tmp_path / "existing")
    assert counts(second) == {"get-cart": 6}
    write(second, tmp_path / "existing")
    assert len(load_definitions(tmp_path / "existing").plan.transactions) == 2
    assert found_in(tmp_path, both, existing=tmp_path / "existing").rows == ()


def test_a_file_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    discovery = found_in(tmp_path, [[routed("/cart")]] * 10)
    (written,) = write(discovery, tmp_path / "out")
    written.write_text("mine", encoding="utf-8")
    with pytest.raises(OperatorError, match="there is a file already"):
        write(discovery, tmp_path / "out")
    assert written.read_text(encoding="utf-8") == "mine"


def test_the_order_of_traces_changes_no_proposal(tmp_path: Path) -> None:
    traces = [*[page("A", "B")] * 9, *[page("B", "C")] * 9, *[page("C")] * 9, *[page()] * 9]

    def proposed(ordered: list[Trace]) -> set[tuple[str, int, int]]:
        rows = found_in(tmp_path, ordered).rows
        return {(row.proposal.name, row.total, row.proposal.priority) for row in rows}

    assert len(proposed(traces)) == 4
    assert proposed(traces) == proposed(traces[::-1])


def test_reading_stops_at_a_bound_and_what_was_read_is_what_is_judged(tmp_path: Path) -> None:
    file = write_traces(tmp_path / "traces.jsonl", [[routed("/cart")]] * 100)
    whole = discover([TraceFile(file)])
    cut = discover([TraceFile(file), TraceFile(file)], most_bytes=file.stat().st_size // 10)
    assert (counts(whole), whole.was_cut) == ({"cart": 100}, False)
    assert 5 <= counts(cut)["cart"] < 100
    assert cut.rows[0].proposal.requests == cut.rows[0].total
    assert cut.was_cut


def test_kinds_that_always_fail_are_found_too(tmp_path: Path) -> None:
    failing = [S("web", "web/Recv.", error=True), call("PlaceOrder", error=True)]
    discovery = found_in(tmp_path, [*[page("GetCart")] * 20, *[failing] * 10])
    assert counts(discovery) == {"get-cart": 20, "place-order": 10}


def test_nothing_is_proposed_from_nothing(tmp_path: Path) -> None:
    discovery = found_in(tmp_path, [[S("cron", "job", kind=1)]] * 10)
    assert discovery.rows == ()
    assert discovery.files == ()
    assert discovery.traffic.without_request == 10
    assert write(discovery, tmp_path / "out") == []


def test_limits_and_budgets_are_those_of_the_written_files(tmp_path: Path) -> None:
    """One of two hundred is slow, and one fails: the engine finds it by what was written."""
    traces = [page("Get", ms=100) for _ in range(198)] + [page("Get", ms=9000)]
    failed = [S("web", "web/Recv.", ms=10, error=True), call("Get")]
    discovery = found_in(tmp_path, [*traces, failed])
    (row,) = discovery.rows
    assert row.proposal.limit_ns == 150 * MS
    write(discovery, tmp_path / "out")
    plan = load_definitions(tmp_path / "out").plan
    (slo,) = replay([tmp_path / "traces.jsonl"], plan, tmp_path / "store").evaluation.slos
    assert (slo.good, slo.total) == (198, 200)
    assert (row.good, row.total) == (198, 200)
    budget = error_budget(198, 200, slo.target)
    assert budget is not None
    assert row.used == budget.used_share
    assert str(slo.target * 100) == "98.00"
    with Store.open(tmp_path / "store", clock=SystemClock()) as store, store.reader() as reader:
        outcomes = sorted(fact.outcome for fact in reader.each_fact() if fact.outcome != "good")
    assert outcomes == ["failed", "slow"]
