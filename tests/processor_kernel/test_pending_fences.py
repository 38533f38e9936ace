"""Kernels write into the room that they were given and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from processor_support import Span
from test_kernel_memory import facts_at_the_end, feed, kernel, plain

from sloengine.processor import TraceProcessor
from sloengine.processor.kernel import arena, work
from sloengine.processor.kernel.arena import Words

pytestmark = pytest.mark.usefixtures("compiled_kernels")

_FENCE = 0x5A5A5A5A
_FENCE_WORDS = 1 << 12


@pytest.fixture
def fences(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What stands behind each array that kernels are given; it is whole at the end."""
    behind: list[tuple[int, Words]] = []
    reserved = arena.reserved

    def with_a_fence(words: int) -> Words:
        room = reserved(words + _FENCE_WORDS)
        room[words:] = _FENCE
        behind.append((words, room[words:]))
        return room[:words]

    for module in (arena, work):
        monkeypatch.setattr(module, "reserved", with_a_fence)
    yield
    assert behind
    assert [words for words, fence in behind if (fence != _FENCE).any()] == []


@pytest.mark.usefixtures("fences")
@pytest.mark.parametrize("size", [1023, 1024, 1025, 2049])
@pytest.mark.parametrize("in_one_trace", [True, False])
def test_as_many_spans_traces_and_values_as_there_is_room_for(
    size: int, *, in_one_trace: bool
) -> None:
    both: list[TraceProcessor] = [kernel(memory_bytes=1 << 16), plain()]
    for turn in range(2):
        spans = [
            (1 if in_one_trace else number, Span(number + turn, 0, "a", values={"user": "u"}))
            for number in range(1, size + 1)
        ]
        feed(both, spans, 5000)
    facts = [facts_at_the_end(one) for one in both]
    assert facts[0] == facts[1]


@pytest.mark.usefixtures("fences")
def test_more_facts_and_values_than_a_look_has_room_for() -> None:
    both: list[TraceProcessor] = [kernel(), plain()]
    spans = [
        (trace, Span(number, 0, "a", values={"user": "u"}))
        for trace in range(1, 200)
        for number in range(1, 48)
    ]
    spans += [(999, Span(number, 0, "a", values={"user": "u"})) for number in range(1, 50)]
    spans += [(998, Span(1, 0, "a"))]
    spans += [(998, Span(number, 1, values={"user": "u"})) for number in range(2, 16_400)]
    feed(both, spans, 9000)
    facts = [facts_at_the_end(one) for one in both]
    assert facts[0] == facts[1]
