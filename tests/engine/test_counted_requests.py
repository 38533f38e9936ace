"""Requests are counted exactly, by how they were answered, whatever comes of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from sloengine import names
from sloengine.errors import PermanentError, RetryError
from sloengine.instrumentation import Instrumentation
from sloengine.names import Protocol
from sloengine.receiver import Accepted, Request
from sloengine.spool import Encoding
from sloengine.wiring import CountedIngest

Points = dict[str, dict[tuple[str, ...], Any]]


class Counted:
    """Listeners that count into one meter; each request is answered by `answer`."""

    def __init__(self, answer: Callable[[], Accepted]) -> None:
        self._answer = answer
        self._reader = InMemoryMetricReader()
        provider = MeterProvider([self._reader], shutdown_on_exit=False)
        to = Instrumentation(provider.get_meter(names.SCOPE_HEALTH))
        self._now_ns = 0
        self.grpc = CountedIngest(self, Protocol.GRPC, to, self._tick)
        self.http = CountedIngest(self, Protocol.HTTP, to, self._tick)

    def accept(self, _request: Request) -> Accepted:
        return self._answer()

    def _tick(self) -> int:
        self._now_ns += 3_000_000
        return self._now_ns

    def points(self) -> Points:
        """Return data points by metric and sorted values of attributes."""
        data = self._reader.get_metrics_data()
        assert data is not None
        return {
            metric.name.removeprefix("sloengine.receiver."): {
                tuple(str(value) for _, value in sorted((point.attributes or {}).items())): point
                for point in metric.data.data_points
            }
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def sums(points: Points, name: str) -> dict[tuple[str, ...], int]:
    return {key: point.value for key, point in points[name].items() if point.value}


REQUEST = Request(b"x" * 2000, Encoding.IDENTITY)


def test_accepted_requests_are_counted_with_their_spans_size_and_duration() -> None:
    counted = Counted(lambda: Accepted(rejected=2, message="two", spans=7))
    counted.grpc.accept(REQUEST)
    counted.grpc.accept(REQUEST)
    counted.http.accept(REQUEST)
    points = counted.points()
    assert sums(points, "requests") == {("success", "grpc"): 2, ("success", "http"): 1}
    assert sums(points, "accepted_spans") == {("grpc",): 14, ("http",): 7}
    assert sums(points, "rejected_spans") == {("grpc",): 4, ("http",): 2}
    assert sums(points, "active_requests") == {}
    size = points["request.body.size"]["grpc",]
    assert (size.count, size.sum) == (2, 4000)
    duration = points["request.duration"]["success", "grpc"]
    assert (duration.count, duration.sum) == (2, pytest.approx(0.006))


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (RetryError("full"), ("RetryError", "refused", "grpc")),
        (PermanentError("bad"), ("PermanentError", "failure", "grpc")),
        (ZeroDivisionError("a bug"), ("failure", "grpc")),
    ],
)
def test_a_request_that_is_not_accepted_is_counted_by_its_error(
    error: Exception, key: tuple[str, ...]
) -> None:
    def fail() -> Accepted:
        raise error

    counted = Counted(fail)
    with pytest.raises(type(error)):
        counted.grpc.accept(REQUEST)
    points = counted.points()
    assert sums(points, "requests") == {key: 1}
    assert sums(points, "accepted_spans") == {}
    assert sums(points, "active_requests") == {}
    assert points["request.duration"][key[-2:]].count == 1


def test_requests_in_work_are_active() -> None:
    seen = []

    def look() -> Accepted:
        seen.append(sums(counted.points(), "active_requests"))
        return Accepted()

    counted = Counted(look)
    counted.http.accept(REQUEST)
    assert seen == [{("http",): 1}]


def test_nothing_is_lost_between_threads() -> None:
    counted = Counted(lambda: Accepted(spans=3))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: counted.grpc.accept(REQUEST), range(400)))
    points = counted.points()
    assert sums(points, "requests") == {("success", "grpc"): 400}
    assert sums(points, "accepted_spans") == {("grpc",): 1200}
    assert points["request.body.size"]["grpc",].count == 400
    assert points["request.duration"]["success", "grpc"].count == 400
    assert sums(points, "active_requests") == {}
