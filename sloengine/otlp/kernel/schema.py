"""What protobuf's own descriptors say, as a table for kernels; do they still fit?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sloengine.otlp.kernel.layout import (
    BYTES_FIELD,
    EXOTIC_FIELD,
    MESSAGE_FIELD,
    PLAIN_NUMBER,
    SCHEMA_FIELDS,
    TEXT_FIELD,
)

_NAMED = (
    "ExportTraceServiceRequest",
    "ResourceSpans",
    "Resource",
    "KeyValue",
    "AnyValue",
    "ArrayValue",
    "KeyValueList",
    "ScopeSpans",
    "InstrumentationScope",
    "Span",
    "Status",
)
"""In the order of the numbers that `layout` gives them."""

_TEXT, _BYTES, _MESSAGE = (
    FieldDescriptor.TYPE_STRING,
    FieldDescriptor.TYPE_BYTES,
    FieldDescriptor.TYPE_MESSAGE,
)
_U32, _FIXED32, _FIXED64 = (
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_FIXED32,
    FieldDescriptor.TYPE_FIXED64,
)
_ENUM = FieldDescriptor.TYPE_ENUM

_READ: dict[str, dict[int, int]] = {
    "ExportTraceServiceRequest": {1: _MESSAGE},
    "ResourceSpans": {1: _MESSAGE, 2: _MESSAGE},
    "Resource": {1: _MESSAGE, 2: _U32},
    "KeyValue": {1: _TEXT, 2: _MESSAGE},
    "AnyValue": {
        1: _TEXT,
        2: FieldDescriptor.TYPE_BOOL,
        3: FieldDescriptor.TYPE_INT64,
        4: FieldDescriptor.TYPE_DOUBLE,
        5: _MESSAGE,
        6: _MESSAGE,
        7: _BYTES,
        8: FieldDescriptor.TYPE_INT32,
    },
    "ScopeSpans": {1: _MESSAGE, 2: _MESSAGE},
    "InstrumentationScope": {1: _TEXT, 2: _TEXT, 3: _MESSAGE, 4: _U32},
    "Span": {
        **dict.fromkeys((1, 2, 4), _BYTES),
        **dict.fromkeys((3, 5), _TEXT),
        **dict.fromkeys((7, 8), _FIXED64),
        **dict.fromkeys((9, 11, 13, 15), _MESSAGE),
        **dict.fromkeys((10, 12, 14), _U32),
        6: _ENUM,
        16: _FIXED32,
    },
    "Status": {2: _TEXT, 3: _ENUM},
}
"""The fields that kernels read by number, and the types they take them for."""


class UnknownSchemaError(RuntimeError):
    """The installed opentelemetry-proto is not one that the kernels were written for."""


def schema_table() -> npt.NDArray[np.int64]:
    """Return a row of `SCHEMA_FIELDS` words for each message type, for `check_message`.

    Raises:
        UnknownSchemaError: the descriptors are not what the kernels take for granted.
    """
    messages = _messages(ExportTraceServiceRequest.DESCRIPTOR)
    numbers = {descriptor.full_name: number for number, descriptor in enumerate(messages)}
    table = np.zeros((len(messages), SCHEMA_FIELDS), dtype=np.int64)
    for number, descriptor in enumerate(messages):
        read = _READ.get(descriptor.name, {})
        if number >= len(_NAMED):
            read = {}
        fields = {field.number: field for field in descriptor.fields}
        for wanted, kind in read.items():
            if wanted not in fields or fields[wanted].type != kind:
                raise UnknownSchemaError(
                    f"field {wanted} of {descriptor.full_name} is not what the decoder kernel "
                    "expects; install the version of opentelemetry-proto that is locked"
                )
        for field in descriptor.fields:
            if field.number >= SCHEMA_FIELDS:
                raise UnknownSchemaError(f"{field.full_name} has a field number that is too high")
            kind_of = _kind(field, numbers)
            if descriptor.name == "AnyValue" and field.number not in read:
                kind_of = EXOTIC_FIELD
            table[number, field.number] = kind_of
    return table


def _messages(root: Descriptor) -> list[Descriptor]:
    found: dict[str, Descriptor] = {}
    waiting = [root]
    while waiting:
        descriptor = waiting.pop()
        if descriptor.full_name not in found:
            found[descriptor.full_name] = descriptor
            waiting += [field.message_type for field in descriptor.fields if field.message_type]
    by_name = {descriptor.name: descriptor for descriptor in found.values()}
    named = [by_name[name] for name in _NAMED]
    rest = [descriptor for descriptor in found.values() if descriptor not in named]
    return named + rest


def _kind(field: FieldDescriptor, numbers: dict[str, int]) -> int:
    if field.type == _MESSAGE and field.message_type is not None:
        is_map = field.message_type.GetOptions().map_entry
        return EXOTIC_FIELD if is_map else MESSAGE_FIELD + numbers[field.message_type.full_name]
    if field.type == _TEXT:
        return TEXT_FIELD
    if field.type == _BYTES:
        return BYTES_FIELD
    is_plain = not field.is_repeated and field.type != FieldDescriptor.TYPE_GROUP
    return PLAIN_NUMBER if is_plain else EXOTIC_FIELD
