"""The demo's last screen: truth beside counts, and an exit code that says whether they agree."""

from __future__ import annotations

import io
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from shop_receiver import Receiver, by_trace, count, judge, serving

from sloengine.clock import SystemClock
from sloengine.demo import EngineFactory, demo
from sloengine.demo.progress import ShopProgress
from sloengine.demo.schedule import Fault
from sloengine.errors import ExitCode, OperatorError
from sloengine.evaluate.evaluation import Coverage, Evaluation, SloEvaluation, TrafficShare
from sloengine.report import TerminalStyle
from sloengine.slo import error_budget, sli, state

WINDOW_NS = 28 * 86_400 * 10**9


class PlainEngine:
    """The smallest engine: a real receiver, and the tests' own judge instead of a pipeline."""

    def __init__(self, *, wrong_by: int = 0, applied: bool = True) -> None:
        self._receiver = Receiver()
        self._serving = serving(self._receiver)
        self._wrong_by = wrong_by
        self._applied = applied
        self.grpc_port = 0
        self.stopped = False

    def start(self) -> None:
        self.grpc_port = self._serving.__enter__()

    def stop(self) -> None:
        self._serving.__exit__(None, None, None)
        self.stopped = True

    def wait_applied(self, timeout_s: float) -> bool:
        assert timeout_s > 0
        return self._applied

    def report(self, at_ns: int) -> Evaluation:
        counts = count(self._receiver.spans)
        counts["browse"]["good"] += self._wrong_by
        reasons: Counter[str] = Counter()
        for trace in by_trace(self._receiver.spans):
            transaction, outcome = judge(trace)
            if transaction == "checkout" and outcome in ("failed", "slow"):
                reached = any(span.service == "payment" for span in trace)
                why = "payment" if reached else "payment-unreachable"
                reasons[f"{outcome}: {why if outcome == 'failed' else 'slow'}"] += 1
        return Evaluation(
            at_ns=at_ns,
            revision="9f3c2ab01234",
            commit=None,
            slos=tuple(
                _slo(name, counts[name], reasons if name == "checkout" else Counter(), at_ns)
                for name in ("checkout", "shipping-quote", "browse")
            ),
            traffic=tuple(TrafficShare(n, c.total(), c) for n, c in counts.items()),
            other_names=(("frontend-proxy", "GET /sitemap.xml", counts["other"].total()),),
            coverage=Coverage(5, 5),
            late_unverifiable=0,
            not_evaluated=(),
            counters={},
            last_event_ns=at_ns,
        )


def _slo(name: str, counts: Counter[str], reasons: Counter[str], at_ns: int) -> SloEvaluation:
    good, total, target = counts["good"], counts.total(), Decimal("0.98")
    budget = error_budget(good, total, target)
    assert budget is not None
    return SloEvaluation(
        slo=f"{name}-experience",
        objective="",
        display_name=name,
        description="",
        service="shop",
        transaction=name,
        indicator="0123456789ab",
        target=target,
        window="28d",
        start_ns=at_ns - WINDOW_NS,
        end_ns=at_ns,
        good=good,
        total=total,
        excluded=0,
        unknown=0,
        sli=sli(good, total),
        budget_total=budget.total,
        budget_used=budget.used,
        budget_remaining=budget.remaining,
        burn_rates=(),
        time_to_exhaustion_ns=None,
        state=state(good, total, target),
        reasons=reasons,
        course=(),
        observed_since_ns=at_ns - 10**9,
        corrected=0,
    )


def run(engine: PlainEngine, out_dir: Path) -> tuple[ExitCode, str, str]:
    out, progress = io.StringIO(), io.StringIO()
    folders: list[tuple[Path, Path]] = []

    def factory(definitions: Path, folder: Path) -> PlainEngine:
        folders.append((definitions, folder))
        assert list(folder.iterdir()) == []
        return engine

    code = demo(
        out_dir,
        factory,
        clock=SystemClock(),
        out=out,
        progress=progress,
        style=TerminalStyle(),
        traces=1_000,
    )
    assert engine.stopped
    assert (folders[0][0] / "checkout.yaml").is_file()
    assert not folders[0][1].exists()
    return code, out.getvalue(), progress.getvalue()


def test_a_true_engine_passes_and_leaves_its_report(tmp_path: Path) -> None:
    code, text, progress = run(PlainEngine(), tmp_path / "demo")
    assert code is ExitCode.OK
    assert text.startswith("Sent 1,000 traces (")
    assert "1,000 acknowledged, 0 lost." in text
    assert "✓ Truth and counts agree: 1,000 transactions of 7 kinds, every outcome." in text
    assert "all of them count" in text
    assert "every one in tier gold" in text
    assert "Shop traffic 100%  1,000 of 1,000 traces" in progress
    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert "Not at checkout" in page
    assert str(tmp_path / "demo" / "report.html") in text
    assert (tmp_path / "demo" / "report.json").is_file()


def test_an_engine_that_is_off_by_one_fails_with_a_clear_line(tmp_path: Path) -> None:
    code, text, _ = run(PlainEngine(wrong_by=1), tmp_path)
    assert code is ExitCode.FAILED
    assert "✗ The engine's counts are not the truth:" in text
    line = next(line for line in text.splitlines() if "browse, good" in line)
    assert "the shop had" in line
    assert "✓ Truth" not in text


def test_an_engine_that_does_not_finish_fails(tmp_path: Path) -> None:
    code, text, _ = run(PlainEngine(applied=False), tmp_path)
    assert code is ExitCode.FAILED
    assert "the engine had not judged everything" in text


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")

    def never(definitions: Path, folder: Path) -> PlainEngine:
        raise AssertionError(f"no engine is made: {definitions}, {folder}")

    factory: EngineFactory = never
    with pytest.raises(OperatorError, match=r"cannot write to .*file.*--out"):
        demo(
            blocked,
            factory,
            clock=SystemClock(),
            out=io.StringIO(),
            progress=io.StringIO(),
            style=TerminalStyle(),
        )


class Steps:
    """A clock whose monotonic time moves a second with each look."""

    def __init__(self) -> None:
        self._ns = 0

    def now_ns(self) -> int:
        return self.monotonic_ns()

    def monotonic_ns(self) -> int:
        self._ns += 10**9
        return self._ns

    def cpu_ns(self) -> int:
        return self._ns


def test_progress_off_a_terminal_is_one_plain_line_each_five_seconds() -> None:
    out = io.StringIO()
    with ShopProgress(out, Steps(), TerminalStyle()) as shown:
        for made in range(1, 13):
            shown(made * 100, 1_200, Fault.PAYMENT_UNREACHABLE)
    lines = out.getvalue().splitlines()
    assert [line.split()[2] for line in lines] == ["41%", "83%", "100%"]
    assert lines[0].endswith("fault now: payment cannot be reached (3 of 4)")


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_draws_a_bar_and_leaves_nothing() -> None:
    screen = Screen()
    with ShopProgress(screen, SystemClock(), TerminalStyle(100, color=True)) as shown:
        shown(600, 1_200, Fault.GOLD_PAYMENT)
    assert "━" in screen.getvalue()
    assert "600 of 1,200 traces" in screen.getvalue()
