"""Who was hit: the running engine and its store answer alike, from spans to money."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from engine_kit import CHECKOUT, config_of, request, running, span, write_definitions

from sloengine.answers import report_of_store
from sloengine.clock import SystemClock
from sloengine.engine import Engine
from sloengine.errors import ExitCode, SloengineError
from sloengine.report import ReportRequest

BY_TIER = CHECKOUT.replace(
    "  promise:",
    """\
  value: {amount: 'span.attributes["amount"]', currency: 'span.attributes["currency"]'}
  dimensions:
    tier: {from: 'span.attributes["tier"]', limit: 2}
  promise:""",
)
ASKED = ReportRequest(form="json", slo="checkout-experience", by="tier")


def order(trace: int, tier: str | None, *, amount: float | None = None, error: bool) -> bytes:
    """A checkout that ends now, so that a report of now counts it."""
    one = span(trace, 1, error=error)
    now_ns = SystemClock().now_ns()
    one.start_time_unix_nano, one.end_time_unix_nano = now_ns - 10**9, now_ns
    if tier is not None:
        one.attributes.add(key="tier").value.string_value = tier
    if amount is not None:
        one.attributes.add(key="amount").value.double_value = amount
        one.attributes.add(key="currency").value.string_value = "EUR"
    return request(one)


def send(engine: Engine, payload: bytes) -> None:
    asked = urllib.request.Request(
        f"http://{engine.http_endpoint}/v1/traces",
        data=payload,
        headers={"Content-Type": "application/x-protobuf"},
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert answer.status == 200


def test_the_running_engine_and_its_store_say_who_was_hit(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    write_definitions(tmp_path / "definitions", BY_TIER)
    directory = config.store.directory

    def slo() -> dict[str, Any]:
        (found,) = json.loads(report_of_store(directory, ASKED))["slos"]
        assert isinstance(found, dict)
        return found

    with running(config) as engine:
        for number, (tier, amount, error) in enumerate(
            [
                ("gold", 84.2, True),
                ("gold", 10.05, False),
                ("silver", 5.0, False),
                ("silver", None, False),
                (None, None, True),
            ]
        ):
            send(engine, order(number + 1, tier, amount=amount, error=error))
        assert engine.settle(20)
        live = slo()
        with pytest.raises(SloengineError, match='did you mean "tier"') as refused:
            report_of_store(directory, ReportRequest(by="tire"))
        assert refused.value.exit_code == ExitCode.BAD_INPUT
    stored = slo()
    for found in (live, stored):
        by = found["by_dimension"]
        assert [(row["value"], row["bad"], row["total"]) for row in by["rows"]] == [
            ("gold", 1, 2),
            ("silver", 0, 2),
            ("__other__", 1, 1),
        ]
        assert by["untold"] is None
        assert sum(row["total"] for row in by["rows"]) == found["total"] == 5
        assert found["money"]["currencies"] == [
            {
                "currency": "EUR",
                "transactions": 3,
                "total": {"decimal": "99.25", "micros": 99_250_000},
                "good": {"decimal": "15.05", "micros": 15_050_000},
                "bad": {"decimal": "84.2", "micros": 84_200_000},
            }
        ]
        assert found["money"]["bad_without_amount"] == 1
    with pytest.raises(SloengineError, match='did you mean "tier"') as refused:
        report_of_store(directory, ReportRequest(by="tire"))
    assert refused.value.exit_code == ExitCode.BAD_INPUT
