"""What a trace means: the plain judge's own tests, on the kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import test_business_transactions
import test_fine_print
import test_judge_against_oracle
from hypothesis import given, settings
from processor_strategies import TRACES, plans
from processor_support import KEY, TRACE, Span, batch_of, table_of
from test_pending_twin import CASES

from sloengine.definitions.plan import Plan
from sloengine.processor import Counter, NoHistory, ProcessorSettings, Verdict
from sloengine.processor.kernel import KernelProcessor

pytestmark = pytest.mark.usefixtures("compiled_kernels")

_OF_WAITING = {
    Counter.APPLIED,
    Counter.CLOSED_END,
    Counter.CLOSED_MEMORY,
}


def judge(plan: Plan, *spans: Span, forced: bool = False) -> Verdict:
    """Judge spans as one whole trace, as the plain tests' `judge` does."""
    table = table_of(plan)
    processor = KernelProcessor(
        *(plan, table),
        settings=ProcessorSettings(memory_bytes=1 if forced else 2**20),
        key=KEY,
        history=NoHistory(),
    )
    batch = batch_of(plan, table, [(TRACE, span) for span in spans])
    processor.add(batch, position=0, arrival_ns=0)
    closed = processor.close(0, everything=not forced)
    assert closed.traces == 1
    return Verdict(
        # The plain judge's order is that of the tree, which promises nothing to anybody.
        facts=tuple(sorted(closed.every_fact(), key=lambda f: (f.entry_span_id, f.entry_kind))),
        counters={name: n for name, n in closed.counters.items() if name not in _OF_WAITING},
        condition_errors=closed.condition_errors,
    )


def _tests() -> Iterator[tuple[str, Callable[..., None]]]:
    for module in (test_business_transactions, test_fine_print):
        for name, test in vars(module).items():
            if name.startswith("test_"):
                yield name, test


globals().update(_tests())


@pytest.fixture(scope="module", autouse=True)
def on_the_kernel() -> Iterator[None]:
    """The plain tests' `judge` is the kernel's here."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (test_business_transactions, test_fine_print):
            patch.setattr(module, "judge", judge)
        yield


@given(plans(), TRACES)
@settings(max_examples=CASES, deadline=None)
def test_facts_and_counters_equal_the_oracle(plan: Plan, spans: list[Span]) -> None:
    """Whatever the trace and the definitions, facts and counters are what the design says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            test_judge_against_oracle,
            "judge_trace",
            lambda plan, *_, **__: judge(plan, *spans),
        )
        test_judge_against_oracle.check(plan, spans)
