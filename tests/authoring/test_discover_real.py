"""Discovery in traffic whose transactions are known: the demo shop's, and real systems'."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from shop_traffic import record_shop

from sloengine.authoring.discover import Discovery, discover, write
from sloengine.cli import cli
from sloengine.definitions import load_definitions
from sloengine.demo import DemoResult
from sloengine.replay import TraceFile, replay


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoResult]:
    file = tmp_path_factory.mktemp("shop") / "shop.bin"
    return file, record_shop(file, traces=600)


NAMES = {
    "products": "browse",
    "checkout": "checkout",
    "shipping": "shipping-quote",
    "post-cart": "add-to-cart",
    "get-cart": "view-cart",
}


def test_the_shops_transactions_are_found_with_all_their_traffic(
    shop: tuple[Path, DemoResult], tmp_path: Path
) -> None:
    file, result = shop
    discovery = discover([TraceFile(file)])
    truth = {name: outcomes.total() for name, outcomes in result.truth.outcomes.items()}
    assert {row.proposal.name: row.total for row in discovery.rows} == {
        name: truth[of] for name, of in NAMES.items()
    }
    assert discovery.proposals.health_requests == truth["ignored"]
    assert discovery.other == truth["other"]
    numbers_hold(discovery, file, tmp_path)


def test_the_shipped_definitions_leave_only_what_they_leave(
    shop: tuple[Path, DemoResult],
) -> None:
    file, result = shop
    shipped = Path(__file__).parents[2] / "slo-definitions"
    discovery = discover([TraceFile(file)], existing=shipped)
    assert discovery.rows == ()
    labels = [label.title for label, _ in discovery.proposals.rest]
    assert labels == ["GET /sitemap.xml"] * bool(result.truth.outcomes.get("other"))


def test_the_command_prints_the_table_and_writes_working_files(
    shop: tuple[Path, DemoResult], tmp_path: Path
) -> None:
    file, _ = shop
    out = tmp_path / "discovered"
    arguments = ["discover", "--traces", str(file), "--output", str(out), "--all"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "PROPOSED" in result.stdout
    assert "frontend GET /api/products/{id}" in result.stdout
    assert "is too short for a promise" in result.stdout
    assert "health checks (kind Ignore)" in result.stdout
    table = result.stdout.partition("\nWrote ")[0].splitlines()
    assert all(len(line) <= 100 for line in table)
    assert len(load_definitions(out).plan.transactions) == len(NAMES)
    again = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert "there is a file already" in str(again.exception)


def numbers_hold(discovery: Discovery, file: Path, tmp_path: Path) -> None:
    """What the written files say of the same traces is what was promised with them."""
    write(discovery, tmp_path / "discovered")
    plan = load_definitions(tmp_path / "discovered").plan
    evaluation = replay([file], plan, tmp_path / "store").evaluation
    judged = {slo.transaction: slo for slo in evaluation.slos}
    assert set(judged) == {row.proposal.name for row in discovery.rows}
    for row in discovery.rows:
        slo = judged[row.proposal.name]
        assert (row.good, row.total, row.target) == (slo.good, slo.total, slo.target)
        assert slo.budget_remaining is not None
        assert row.used == 1 - slo.budget_remaining
        assert row.proposal.requests == row.total
        assert slo.state == "met"


@pytest.mark.traces
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_trainticket_has_ten_transactions_below_its_gateway(
    traces_folder: Path, tmp_path: Path
) -> None:
    file = traces_folder / "nezha-trainticket" / "traces.jsonl.gz"
    labels = json.loads((file.parent / "labels.json").read_text(encoding="utf-8"))
    discovery = discover([TraceFile(file)])
    assert {row.proposal.entry.title for row in discovery.rows} == {"/*"}
    calls = [row.proposal.call.title for row in discovery.rows if row.proposal.call is not None]
    assert sorted(calls) == sorted(labels["transactions"])
    assert len(calls) == 10
    assert discovery.other == 0
    assert sum(row.total for row in discovery.rows) == discovery.traffic.traces
    numbers_hold(discovery, file, tmp_path)


ONLINEBOUTIQUE = {
    "hipstershop.CheckoutService/PlaceOrder": "checkout",
    "hipstershop.CartService/AddItem": "add_to_cart",
    "hipstershop.ShippingService/GetQuote": "view_cart",
    "hipstershop.ProductCatalogService/ListProducts": "home",
    "hipstershop.ProductCatalogService/GetProduct": "product",
    None: "set_currency/none",
}


@pytest.mark.traces
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_onlineboutique_has_six_transactions_below_its_frontend(
    traces_folder: Path, tmp_path: Path
) -> None:
    file = traces_folder / "nezha-onlineboutique" / "traces.jsonl.gz"
    labels = json.loads((file.parent / "labels.json").read_text(encoding="utf-8"))
    discovery = discover([TraceFile(file)])
    assert {row.proposal.entry.title for row in discovery.rows} == {"hipstershop.Frontend/Recv."}
    calls = [row.proposal.call for row in discovery.rows]
    found = [ONLINEBOUTIQUE[None if call is None else call.title] for call in calls]
    assert sorted(found) == sorted(labels["transactions"])
    assert discovery.other == 0
    numbers_hold(discovery, file, tmp_path)


@pytest.mark.traces
def test_a_minute_of_onlineboutique_is_enough(traces_folder: Path, tmp_path: Path) -> None:
    file = traces_folder / "nezha-onlineboutique" / "baseline.jsonl.gz"
    discovery = discover([TraceFile(file)])
    totals = sorted(row.total for row in discovery.rows)
    assert len(totals) == 6
    assert sum(totals) == discovery.traffic.traces
    numbers_hold(discovery, file, tmp_path)
