"""The lock is free between the steps of a look: what happens there neither loses nor doubles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from engine_kit import NOON_NS, REJECTING, SECOND_NS, on, outcomes, pipeline, request, span, take

from sloengine.clock import FrozenClock
from sloengine.definitions import load_definitions
from sloengine.errors import RetryError
from sloengine.pipeline import Pipeline
from sloengine.processor.kernel import processor as kernel
from sloengine.spool import Spool


@pytest.fixture(autouse=True)
def one_trace_a_step(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kernel, "_AT_ONCE", 1)
    monkeypatch.setattr(kernel, "_STEPS", 1000)
    with on("auto"):
        yield


class Between:
    """The loop's lock; when it is let go of, something happens."""

    def __init__(self, lock: AbstractContextManager[object], events: list[Callable[[], object]]):
        self._lock = lock
        self._events = events

    def __enter__(self) -> None:
        self._lock.__enter__()

    def __exit__(self, *_: object) -> None:
        self._lock.__exit__(None, None, None)
        if self._events:
            self._events.pop(0)()


def let_happen(stages: Pipeline, *events: Callable[[], object]) -> None:
    loop = stages._loop
    loop._lock = Between(loop._lock, list(events))


def good(trace: int) -> tuple[int, str, str, str]:
    return trace, "checkout", "good", ""


def test_requests_are_taken_between_two_steps_and_count_once(tmp_path: Path) -> None:
    """A span of a trace that was judged, one of a trace whose turn comes, and a new trace."""
    clock = FrozenClock(NOON_NS)
    with pipeline(tmp_path, clock) as (stages, store, _):
        take(stages, request(*(span(trace, 1) for trace in (1, 2, 3))))
        clock.advance(10 * SECOND_NS)
        let_happen(
            stages,
            lambda: take(stages, request(span(1, 2, "pay", parent=1), span(3, 2, "pay", parent=1))),
            lambda: take(stages, request(span(4, 1))),
        )
        assert stages.process()
        assert outcomes(store) == [good(1), good(2)]
        clock.advance(10 * SECOND_NS)
        assert stages.process()
        assert outcomes(store) == [good(1), good(2), good(3), good(4)]
        assert stages.processor.pending_traces == 0


def test_a_reload_between_two_steps_leaves_the_rest_to_the_new_definitions(tmp_path: Path) -> None:
    clock = FrozenClock(NOON_NS)

    def reload() -> None:
        (tmp_path / "definitions" / "checkout.yaml").write_text(REJECTING, encoding="utf-8")
        stages.reload(load_definitions(tmp_path / "definitions").plan)

    with pipeline(tmp_path, clock) as (stages, store, _):
        take(stages, request(*(span(trace, 1) for trace in (1, 2, 3))))
        clock.advance(10 * SECOND_NS)
        let_happen(stages, reload)
        assert stages.process()
        assert outcomes(store) == [good(1)]
        assert stages.processor.pending_traces == 2
        assert stages.process()
        failed = "checkout", "failed", "no-payment"
        assert outcomes(store) == [good(1), (2, *failed), (3, *failed)]


def test_what_was_judged_before_an_error_is_committed_and_the_rest_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FrozenClock(NOON_NS)
    with pipeline(tmp_path, clock) as (stages, store, _):
        take(stages, request(*(span(trace, 1) for trace in (1, 2, 3))))
        clock.advance(10 * SECOND_NS)

        def unreadable(*_: object, **__: object) -> None:
            raise RetryError("the disk is gone")

        def fail() -> None:
            broken.setattr(Spool, "perhaps_judged", unreadable)

        with monkeypatch.context() as broken:
            let_happen(stages, fail)
            assert not stages.process()
            assert stages.failure == "the disk is gone"
            assert outcomes(store) == []
            assert stages.process()
            assert outcomes(store) == [good(1)]
            assert not stages.process()
        assert stages.process()
        assert outcomes(store) == [good(1), good(2), good(3)]
