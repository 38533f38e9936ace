"""What every decoder promises, whichever way it works."""

from __future__ import annotations

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


class Decoder(Protocol):
    """Bytes in, projected spans out. Safe to share between threads."""

    def decode(self, payload: bytes | memoryview) -> Decoded:
        """Decode an uncompressed protobuf `ExportTraceServiceRequest`.

        The result must not be tied to the life of `payload`.

        Raises:
            PermanentError: The bytes are no such request.
        """
        ...
