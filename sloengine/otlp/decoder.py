"""What every decoder promises, whichever way it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sloengine.otlp.batch import SpanBatch


@dataclass(frozen=True, slots=True)
class Decoded:
    """The spans of one request that can be used, and how many cannot.

    `rejected` counts spans whose ids break OTLP's rules; `message` says so in the sender's words
    (OTLP's partial success) and is empty where nothing was rejected.
    """

    batch: SpanBatch
    rejected: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class DecodedTogether:
    """Several requests, decoded as the one request that their bytes in a row are."""

    payload: bytes
    """That request."""
    batch: SpanBatch
    """Its spans, those of the first request first."""
    spans: tuple[int, ...]
    """How many of them each request has."""


class Decoder(Protocol):
    """Bytes in, projected spans out. Safe to share between threads."""

    def decode(self, payload: bytes | memoryview) -> Decoded:
        """Decode an uncompressed protobuf `ExportTraceServiceRequest`.

        The result must not be tied to the life of `payload`.

        Raises:
            PermanentError: The bytes are no such request.
        """
        ...

    def decode_together(self, payloads: Sequence[bytes]) -> DecodedTogether | None:
        """Decode several requests at once, for less than one after the other.

        Messages of protobuf that stand in a row are one message with all their repeated fields.
        `None` where one of them has to be decoded alone: it is no request, spans of it must be
        rejected, or this decoder cannot tell.
        """
        ...
