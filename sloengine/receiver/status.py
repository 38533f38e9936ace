"""The one place that maps errors to OTLP's answers, for both transports.

A wrong code here loses data: senders drop what they are told not to retry. The rules are those of
the OTLP specification ("Failures" of OTLP/gRPC and OTLP/HTTP).
"""

from __future__ import annotations

import logging
import math
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf import duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from sloengine.errors import PermanentError, RetryError, SloengineError, TooLargeError
from sloengine.receiver.admission import OverloadedError
from sloengine.receiver.ingest import Accepted

logger = logging.getLogger(__name__)

MAX_MESSAGE = 1024
"""Characters of a message that a sender gets to see; gRPC carries them in trailers."""

_UNEXPECTED_RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer other than success.

    `reason` is a short word for counters, `code` a `google.rpc.Code`. A sender may retry exactly
    where `retry_after_s` is given: seconds.
    """

    reason: str
    code: int
    http_status: int
    message: str
    retry_after_s: float | None = None

    def status(self) -> status_pb2.Status:
        """Return the `google.rpc.Status` that every refusal carries."""
        status = status_pb2.Status(code=self.code, message=self.message[:MAX_MESSAGE])
        if self.retry_after_s is not None:
            status.details.add().Pack(self.retry_info(self.retry_after_s))
        return status

    @staticmethod
    def retry_info(retry_after_s: float) -> error_details_pb2.RetryInfo:
        """Return the `google.rpc.RetryInfo` for a wait in seconds."""
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(math.ceil(retry_after_s * 1000))
        return error_details_pb2.RetryInfo(retry_delay=delay)

    @property
    def retry_after_header(self) -> str | None:
        """The value of HTTP's `Retry-After`: whole seconds, at least 1."""
        if self.retry_after_s is None:
            return None
        return str(max(1, math.ceil(self.retry_after_s)))


def refusal_of(error: Exception) -> Refusal:
    """Return the answer for an error while a request was in work.

    Whatever is not known to be the request's own fault is answered as "come back": an unhandled
    exception would become UNKNOWN or 500, and the sender would drop good data. Those are logged.
    """
    match error:
        case TooLargeError():
            return Refusal("too_large", code_pb2.RESOURCE_EXHAUSTED, 413, str(error))
        case PermanentError():
            return Refusal("malformed", code_pb2.INVALID_ARGUMENT, 400, str(error))
        case OverloadedError():
            return Refusal("overloaded", code_pb2.UNAVAILABLE, 429, str(error), error.retry_after_s)
        case RetryError():
            return Refusal(
                "unavailable", code_pb2.UNAVAILABLE, 503, str(error), error.retry_after_s
            )
        case SloengineError():
            logger.error("a request could not be taken: %s", error)
            message = str(error)
        case _:
            logger.error("a request could not be taken", exc_info=error)
            message = "internal error; the engine's log has it"
    return Refusal("internal", code_pb2.UNAVAILABLE, 503, message, _UNEXPECTED_RETRY_S)


def response_of(accepted: Accepted) -> ExportTraceServiceResponse:
    """Return OTLP's success: empty, or a partial success where there is something to say."""
    response = ExportTraceServiceResponse()
    if accepted.rejected or accepted.message:
        response.partial_success.rejected_spans = accepted.rejected
        response.partial_success.error_message = accepted.message[:MAX_MESSAGE]
    return response


class Refusals:
    """How many requests were refused, by transport and reason. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, transport: str, refusal: Refusal) -> None:
        """Count one refusal; `transport` is `grpc` or `http`."""
        with self._lock:
            self._counts[transport, refusal.reason] += 1

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Return refused requests by (transport, reason) since the start."""
        with self._lock:
            return dict(self._counts)
