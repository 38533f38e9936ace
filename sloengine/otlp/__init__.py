"""The wire: OTLP bytes in, projected and validated spans out.

In: a request as a sender wrote it, after `inflate` uncompressed protobuf or JSON.
Out: a `SpanBatch`: arrays of ids, times and vector ids, and the values that definitions capture.

Guaranteed: a decoder returns, or raises `PermanentError`, whatever the bytes are; spans with
malformed ids are counted and left out; types stay as they were sent; nothing that no definition
asks for is kept. `ReferenceDecoder` states the meaning, by the official message classes.
"""

from sloengine.otlp.batch import SpanBatch, distinct_trace_ids
from sloengine.otlp.decoder import Decoded, DecodedTogether, Decoder
from sloengine.otlp.inflate import ENCODINGS, inflate
from sloengine.otlp.json_form import json_to_protobuf
from sloengine.otlp.reference import ReferenceDecoder
from sloengine.otlp.wire import MAX_MESSAGE_DEPTH, count_spans, trace_ids_of

__all__ = [
    "ENCODINGS",
    "MAX_MESSAGE_DEPTH",
    "Decoded",
    "DecodedTogether",
    "Decoder",
    "ReferenceDecoder",
    "SpanBatch",
    "count_spans",
    "distinct_trace_ids",
    "inflate",
    "json_to_protobuf",
    "trace_ids_of",
]
