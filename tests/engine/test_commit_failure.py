"""While facts cannot be committed nothing is lost, the engine says why, and it heals by itself."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from engine_kit import NOON_NS, SECOND_NS, outcomes, pipeline, request, span, take

from sloengine.clock import FrozenClock
from sloengine.errors import RetryError, StoreError
from sloengine.pipeline import Pipeline
from sloengine.store import CommitResult, FactBatch, Store

GOOD = "checkout", "good", ""
ERRORS = {
    "foreseen": (StoreError("the disk is full"), "the disk is full"),
    "unforeseen": (ValueError("two of one"), "unexpected ValueError: two of one"),
}


def fail(store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception, times: int) -> None:
    """Let so many commits fail; those after them are real."""
    commit = store.commit
    left = times

    def failing(batch: FactBatch) -> CommitResult:
        nonlocal left
        if left:
            left -= 1
            raise error
        return commit(batch)

    monkeypatch.setattr(store, "commit", failing)


@pytest.mark.parametrize("name", ERRORS)
def test_what_could_not_be_committed_is_committed_later_and_said_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    error, said = ERRORS[name]
    clock = FrozenClock(NOON_NS)
    caplog.set_level(logging.INFO)
    with pipeline(tmp_path, clock) as (stages, store, _):
        fail(store, monkeypatch, error, times=3)
        take(stages, request(span(1, 1)))
        clock.advance(10 * SECOND_NS)
        for _ in range(3):
            assert not stages.process()
            assert stages.failure == said
            take(stages, request(span(2, 1)))
        assert outcomes(store) == []
        clock.advance(10 * SECOND_NS)
        assert stages.process()
        assert stages.process()
        assert stages.failure is None
        assert outcomes(store) == [(1, *GOOD), (2, *GOOD)]
    logged = [record.getMessage() for record in caplog.records if "commit" in record.getMessage()]
    assert len(logged) == 2
    assert logged[0].startswith("facts cannot be committed, trying again")
    assert logged[1] == "facts are committed again"


def refusal(stages: Pipeline, trace: int) -> str | None:
    """Send a trace; return what the sender is told who must come back, `None` where it is taken."""
    try:
        take(stages, request(*(span(trace, number) for number in range(1, 9))))
    except RetryError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", ERRORS)
def test_senders_keep_their_data_once_memory_is_used_up(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, said = ERRORS[name]
    clock = FrozenClock(NOON_NS)
    with pipeline(tmp_path, clock, memory_bytes=2_000) as (stages, store, _):
        fail(store, monkeypatch, error, times=1)
        take(stages, request(span(1, 1)))
        clock.advance(10 * SECOND_NS)
        stages.process()
        taken = 1
        while (refused := refusal(stages, taken + 1)) is None:
            taken += 1
            assert taken < 99
        assert taken > 1
        assert said in refused
        while not stages.process(everything=True):
            pass
        take(stages, request(span(taken + 1, 1)))
        stages.process(everything=True)
        judged = {trace for trace, *_ in outcomes(store)}
        assert judged == set(range(1, taken + 2))
