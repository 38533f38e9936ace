"""Figures of one run put together: the engine beside its peers, and what its steps leave over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.end_to_end import GZIP, LARGE, SMALL, Variant
from benchmarks.peers import GROUPED, SPAN_METRICS
from benchmarks.rows import Bound, Peer, Row, at_least
from benchmarks.steps import ALL, step_name


@dataclass(frozen=True, slots=True)
class _Comparison:
    variant: Variant
    peer: str
    bound: Bound | None = None


_COMPARISONS = (
    _Comparison(LARGE, SPAN_METRICS, at_least(4.5)),
    _Comparison(LARGE, GROUPED, at_least(20)),
    _Comparison(SMALL, SPAN_METRICS),
    _Comparison(GZIP, SPAN_METRICS),
)


def with_peers(rows: Sequence[Row], measured: Sequence[Row]) -> list[Row]:
    """Return the rows, those of the engine with what `span_metrics` reached in the same place."""
    by_name = {row.name: row for row in measured}
    return [_beside(row, by_name) for row in rows]


def ratios(rows: Sequence[Row]) -> Iterator[Row]:
    """Give how many times the peer's spans per CPU-second the engine takes."""
    by_name = {row.name: row for row in rows}
    for comparison in _COMPARISONS:
        own = by_name.get(f"end to end, {comparison.variant.name}: CPU")
        other = by_name.get(f"{comparison.peer}, {comparison.variant.name}: CPU")
        if own is not None and other is not None:
            yield Row(
                f"engine over {comparison.peer}, {comparison.variant.name}",
                own.value / other.value,
                "x",
                peer=Peer(comparison.peer, other.value),
                bound=comparison.bound,
            )


def beside_the_steps(rows: Sequence[Row]) -> Iterator[Row]:
    """Give what the whole engine takes for a span beyond the sum of its steps."""
    by_name = {row.name: row for row in rows}
    for variant in (LARGE, SMALL):
        whole = by_name.get(f"end to end, {variant.name}: CPU")
        steps = by_name.get(step_name(ALL, variant))
        if whole is not None and steps is not None:
            yield Row(
                step_name("the rest: gRPC, hand-overs, metrics", variant),
                1e9 / whole.value - steps.value,
                "ns/span",
            )


def _beside(row: Row, by_name: Mapping[str, Row]) -> Row:
    subject, comma, rest = row.name.partition(", ")
    peer = by_name.get(f"{SPAN_METRICS}, {rest}")
    if subject != "end to end" or not comma or peer is None:
        return row
    return replace(row, peer=Peer(SPAN_METRICS, peer.value))
