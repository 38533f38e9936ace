"""A trace told in order: spans open and close around a cursor of time that only goes forward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context

MS = 1_000_000
"""Nanoseconds in a millisecond."""

AttributeMap = Mapping[str, str | bool | int | float]


class Story:
    """One trace in the making. `now_ns` is the cursor: where the next span opens or closes."""

    def __init__(self, tracers: Mapping[str, Tracer], start_ns: int) -> None:
        self._tracers = tracers
        self._stack: list[Context] = []
        self.now_ns = start_ns

    def spend(self, milliseconds: float) -> None:
        """Let time pass."""
        self.now_ns += int(milliseconds * MS)

    @contextmanager
    def span(
        self, service: str, name: str, kind: SpanKind, attributes: AttributeMap | None = None
    ) -> Iterator[Span]:
        """Open a span below the innermost open one; it closes where the cursor is at the end."""
        span = self._tracers[service].start_span(
            name,
            context=self._stack[-1] if self._stack else Context(),
            kind=kind,
            attributes=attributes,
            start_time=self.now_ns,
            record_exception=False,
            set_status_on_exception=False,
        )
        self._stack.append(set_span_in_context(span, Context()))
        yield span
        self._stack.pop()
        span.end(end_time=self.now_ns)


def fail(span: Span, message: str = "", error_type: str = "") -> None:
    """Give a span the status ERROR, and `error.type` where it is known."""
    span.set_status(Status(StatusCode.ERROR, message or None))
    if error_type:
        span.set_attribute("error.type", error_type)
