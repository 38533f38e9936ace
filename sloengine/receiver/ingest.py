"""What the receiver needs from the rest of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request is durable. `rejected` spans of it were refused for good, `message` says why.

    A message with nothing rejected is a warning to the sender.
    """

    rejected: int = 0
    message: str = ""
    spans: int = 0
    """How many were taken."""


class Ingest(Protocol):
    """Takes requests over from the network. Called from many threads at once."""

    def accept(self, payload: bytes, *, source: str) -> Accepted:
        """Return when the request cannot be lost any more.

        `payload` is an uncompressed protobuf `ExportTraceServiceRequest` that nobody has looked
        at. `source` is the transport (`grpc` or `http`), a colon, and the sender's address; the
        address is for messages only.

        Raises:
            RetryError: Not now; the sender is told when to come back.
            PermanentError: Never; the sender is told to drop the request.
        """
        ...
