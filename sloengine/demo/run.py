"""The whole demo: an engine, the shop's traffic, the report, and truth beside what was counted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TextIO

from sloengine.clock import Clock
from sloengine.demo.generate import DEFAULT_SEED, DEFAULT_TRACES, DemoResult, run_demo
from sloengine.demo.progress import ShopProgress
from sloengine.demo.truth import SLOW, Truth, differences
from sloengine.errors import ExitCode, OperatorError
from sloengine.evaluate.evaluation import Evaluation
from sloengine.report import TerminalStyle, render_html, render_json, render_table
from sloengine.report.wording import headline

DEFINITIONS = Path(__file__).parent / "definitions"
"""The shop's definitions, as `slo-definitions/` of the repository has them."""
APPLY_TIMEOUT_S = 60.0

PAYMENT = "failed: payment"
UNREACHABLE = "failed: payment-unreachable"
CHECKOUT = "checkout"
QUOTE = "shipping-quote"


class DemoEngine(Protocol):
    """What the demo needs of an engine."""

    @property
    def grpc_port(self) -> int:
        """The port on which it receives OTLP over gRPC, once started."""
        ...

    def start(self) -> object:
        """Begin to receive."""
        ...

    def stop(self) -> object:
        """Drain and close; safe to call after a failed start."""
        ...

    def wait_applied(self, timeout_s: float) -> bool:
        """Judge and commit all that was acknowledged; tell whether that was done in time."""
        ...

    def report(self, at_ns: int) -> Evaluation:
        """Evaluate every promise at an instant, with the budgets' course."""
        ...


EngineFactory = Callable[[Path, Path], DemoEngine]
"""Makes an engine from the folder of definitions and an empty folder for its store and spool."""


def demo(
    out_dir: Path,
    engine_factory: EngineFactory,
    *,
    clock: Clock,
    out: TextIO,
    progress: TextIO,
    style: TerminalStyle,
    traces: int = DEFAULT_TRACES,
    seed: int = DEFAULT_SEED,
) -> ExitCode:
    """Run the demo and print its outcome to `out`; the exit code says whether the counts are true.

    Leaves `report.html` and `report.json` in `out_dir`; the engine's own folder is temporary.
    Raises `OperatorError` where `out_dir` cannot be written.
    """
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix="engine-", dir=out_dir)
    except OSError as exc:
        raise OperatorError(
            f"cannot write to {out_dir}: {exc.strerror}; give another folder with --out"
        ) from exc
    with folder as name:
        engine = engine_factory(DEFINITIONS, Path(name))
        try:
            engine.start()
            with ShopProgress(progress, clock, style) as shown:
                result = run_demo(
                    f"127.0.0.1:{engine.grpc_port}",
                    clock=clock,
                    traces=traces,
                    seed=seed,
                    progress=shown,
                )
            applied = engine.wait_applied(APPLY_TIMEOUT_S)
            evaluation = engine.report(clock.now_ns())
        finally:
            engine.stop()
    html = out_dir / "report.html"
    html.write_text(render_html(evaluation), encoding="utf-8")
    (out_dir / "report.json").write_text(render_json(evaluation), encoding="utf-8")
    wrong = [] if applied else ["the engine had not judged everything after a minute"]
    if result.lost:
        wrong.append(f"{result.lost:,} of {result.traces:,} traces were never acknowledged")
    wrong += check(result.truth, evaluation)
    out.write(render_outcome(result, evaluation, wrong, html, style))
    return ExitCode.FAILED if wrong else ExitCode.OK


def check(truth: Truth, evaluation: Evaluation) -> list[str]:
    """Return a line for everything in which the engine's counts are not the truth."""
    wrong = differences(truth, {share.transaction: share.outcomes for share in evaluation.traffic})
    expected = {
        UNREACHABLE: truth.unreachable_failures,
        PAYMENT: truth.gold_failures + truth.other_tier_failures,
    }
    reasons = reasons_of(evaluation, CHECKOUT)
    wrong += [
        f"{CHECKOUT}, {reason}: the shop had {true:,}, the engine counts {reasons.get(reason, 0):,}"
        for reason, true in expected.items()
        if reasons.get(reason, 0) != true
    ]
    return wrong


def reasons_of(evaluation: Evaluation, transaction: str) -> dict[str, int]:
    """Return the bad transactions by reason, from the SLO that counts most of `transaction`."""
    slos = [slo for slo in evaluation.slos if slo.transaction == transaction]
    return dict(max(slos, key=lambda slo: slo.total).reasons) if slos else {}


def render_outcome(
    result: DemoResult,
    evaluation: Evaluation,
    wrong: list[str],
    html: Path,
    style: TerminalStyle,
) -> str:
    """Return the last screen: what was sent, what customers got, truth beside counts, what next."""
    seconds = max(1, round(result.elapsed_ns / 10**9))
    sent = f"Sent {result.traces:,} traces ({result.spans:,} spans) in {seconds} s"
    lines = [
        f"{sent}; {result.acknowledged_traces:,} acknowledged, {result.lost:,} lost.",
        "",
        "The shop had four faults. Did its customers get what they were promised?",
        style.paint(headline(evaluation), "bold"),
        "",
        *render_table(evaluation, style, burn=False),
        "",
        *_faults(result.truth, evaluation, style),
        "",
    ]
    if wrong:
        lines.append(style.paint("✗ The engine's counts are not the truth:", "bad bold"))
        lines += [f"  {line}" for line in wrong]
    else:
        kinds = len(result.truth.outcomes)
        lines.append(
            style.paint("✓ Truth and counts agree", "met")
            + f": {result.truth.traces():,} transactions of {kinds} kinds, every outcome."
        )
    lines += [
        "",
        f"Report    {html}",
        "Next      README, “Your first own definition”: ten lines",
    ]
    return style.finish(lines)


def _faults(truth: Truth, evaluation: Evaluation, style: TerminalStyle) -> list[str]:
    reasons = reasons_of(evaluation, CHECKOUT)
    unreachable, refused = reasons.get(UNREACHABLE, 0), reasons.get(PAYMENT, 0)
    slow, slow_quotes = _slow(evaluation, CHECKOUT), _slow(evaluation, QUOTE)
    burnt = sum(reasons.values()) - unreachable - refused - slow
    tried = f"{truth.unreachable_purchases:,} purchases"
    everyone = truth.unreachable_failures == truth.unreachable_purchases
    rows = (
        (
            "payment cannot be reached",
            truth.unreachable_failures,
            unreachable,
            f"of {tried} in that time: {'all of them count' if everyone else 'not all count'}",
        ),
        (
            "payment fails for gold",
            truth.gold_failures,
            refused,
            "every one in tier gold" if not truth.other_tier_failures else "not only in tier gold",
        ),
        ("carrier rates slow abroad", truth.slow_checkouts, slow, "slow checkouts"),
        ("", truth.slow_quotes, slow_quotes, "slow quotes; outside our control"),
        (
            "cart failure inside",
            0,
            burnt,
            f"burnt: no customer noticed its {truth.masked_cart_errors:,} errors",
        ),
    )
    lines = [style.paint(f"  {'FAULT':<27}{'TRUTH':>8}{'COUNTED':>9}", "quiet")]
    for name, true, counted, note in rows:
        tone = "" if true == counted else "bad"
        lines.append(style.paint(f"  {name:<27}{true:>8,}{counted:>9,}  {note}", tone))
    return lines


def _slow(evaluation: Evaluation, transaction: str) -> int:
    shares = (share for share in evaluation.traffic if share.transaction == transaction)
    return sum(share.outcomes.get(SLOW, 0) for share in shares)
