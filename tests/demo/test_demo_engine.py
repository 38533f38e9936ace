"""The demo's truth, through the real engine: receiver, spool, judge, store, report."""

from __future__ import annotations

import io
import json
from pathlib import Path

from sloengine.clock import SystemClock
from sloengine.demo import demo
from sloengine.demo.sidecar import demo_engine
from sloengine.errors import ExitCode
from sloengine.report import TerminalStyle


def test_the_engine_counts_exactly_what_happened_in_the_shop(tmp_path: Path) -> None:
    out = io.StringIO()
    code = demo(
        tmp_path,
        demo_engine,
        clock=SystemClock(),
        out=out,
        progress=io.StringIO(),
        style=TerminalStyle(),
        traces=1_500,
        seed=11,
    )
    assert code is ExitCode.OK, out.getvalue()
    assert "✓ Truth and counts agree" in out.getvalue()
    found = {slo["slo"]: slo for slo in json.loads((tmp_path / "report.json").read_text())["slos"]}
    checkout = found["checkout-experience"]
    assert checkout["state"] == "missed"
    reasons = {reason["reason"]: reason["count"] for reason in checkout["reasons"]}
    # The unreachable payment burns everything; the cart that fails inside burns nothing.
    assert reasons["failed: payment-unreachable"] > 0
    assert not [reason for reason in reasons if "cart" in reason or reason == "failed: error"]
    assert found["view-cart-experience"]["bad"] == 0
