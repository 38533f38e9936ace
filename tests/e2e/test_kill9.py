"""Accepted means counted, exactly once, however often the engine is killed."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos_driver import run_chaos


@pytest.mark.parametrize(
    "kills",
    [
        2,
        pytest.param(12, marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
)
def test_counts_are_exact_after_kill_9(tmp_path: Path, kills: int) -> None:
    """Senders repeat what got no answer, and some of what did; the report agrees with the truth."""
    outcome = run_chaos(tmp_path, kills=kills, seed=kills)
    assert outcome.served == outcome.expected, outcome.log[-5000:]
    assert outcome.stored == outcome.expected, outcome.log[-5000:]
    # The run was worth something: requests failed, others came twice.
    assert outcome.failed > 0
    assert outcome.repeated > 0
    assert all(counts.total > counts.good > 0 for counts in outcome.expected.values())
    assert outcome.report["late_unverifiable"] == 0
    other = [share for share in outcome.report["traffic"] if share["transaction"] == "other"]
    assert sum(share["total"] for share in other) == 0
    assert "Traceback" not in outcome.log
