"""What the receiver needs from the rest of the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from sloengine.otlp import inflate
from sloengine.spool import Encoding


@dataclass(frozen=True, slots=True)
class Request:
    """One export request, as it came over the network. Nobody has looked inside yet."""

    stored: bytes
    """A protobuf `ExportTraceServiceRequest`, compressed as the sender compressed it."""
    encoding: Encoding
    """How `stored` is compressed."""
    limit: int | None = None
    """The greatest size without compression, in bytes."""
    on_output: Callable[[int], None] | None = None
    """Told of bytes before they are made; may raise `RetryError`."""

    @classmethod
    def plain(cls, payload: bytes) -> Self:
        """Return a request that is not compressed."""
        return cls(payload, Encoding.IDENTITY)

    def payload(self) -> bytes:
        """Return the request without its compression.

        Inflates at each call, so that nobody needs to keep the result while something is waited
        for.

        Raises:
            TooLargeError: The result would be over the limit.
            PermanentError: The bytes are not what `encoding` says.
            RetryError: Too many bytes are in work.
        """
        if self.encoding is Encoding.IDENTITY:
            return self.stored
        return inflate(self.stored, self.encoding.name.lower(), self.limit, self.on_output)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request is durable. `rejected` spans of it were refused for good, `message` says why.

    A message with nothing rejected is a warning to the sender.
    """

    rejected: int = 0
    message: str = ""
    spans: int = 0
    """How many were taken."""
    repeated: bool = False
    """The very same request was accepted before, so this one was not applied."""


class Ingest(Protocol):
    """Takes requests over from the network. Called from many threads at once."""

    def accept(self, request: Request) -> Accepted:
        """Return when the request cannot be lost any more.

        Raises:
            RetryError: Not now; the sender is told when to come back.
            PermanentError: Never; the sender is told to drop the request.
        """
        ...
