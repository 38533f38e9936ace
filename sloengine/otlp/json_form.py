"""OTLP/JSON to OTLP/protobuf, by OTLP's own rules (specification.md, "JSON Protobuf Encoding").

They differ from those of proto3, so `google.protobuf.json_format` cannot be used: trace and span
ids are hex (which is valid base64, so a generic reader takes it for other bytes), enums are
integers only, keys are lowerCamelCase only, and unknown fields are passed over.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sloengine.errors import PermanentError
from sloengine.otlp.wire import MAX_MESSAGE_DEPTH

_HEX_FIELDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_PROFILE_FIELDS = frozenset({"string_value_strindex", "key_strindex"})
"""Only profiles may carry these; elsewhere they are as good as unknown."""
_INTEGER_TEXT = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER_TEXT = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_PLACE_LENGTH = 160
_SPECIAL_DOUBLES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class _BadValueError(Exception):
    """What is wrong with one JSON value, and where: each level on the way out adds its step."""

    def __init__(self, message: str, *steps: str) -> None:
        super().__init__(message)
        self.steps = list(steps)

    def __str__(self) -> str:
        place = "".join(reversed(self.steps)).lstrip(".")
        if len(place) > _PLACE_LENGTH:
            place = f"{place[:_PLACE_LENGTH]}…"
        return f"{place or 'body'}: {self.args[0]}"


def json_to_protobuf(body: bytes) -> bytes:
    """Turn an OTLP/JSON `ExportTraceServiceRequest` into the same request in protobuf.

    Everything that the message classes know is kept, whether definitions ask for it or not.
    Unknown keys (snake_case ones among them) are passed over and `null` is an absent value.
    An id is not checked for its length here: the decoder rejects such a span alone.

    Raises:
        PermanentError: The body is not UTF-8 or not JSON, or a known field has a value of a
            wrong type, or values are nested too deep. The message names the place in the body.
    """
    try:
        tree = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise PermanentError(f"body is not UTF-8: byte {error.start} is wrong") from error
    except RecursionError as error:
        raise PermanentError("body is nested too deep to be OTLP/JSON") from error
    except ValueError as error:
        raise PermanentError(f"body is not JSON: {error}") from error
    request = ExportTraceServiceRequest()
    try:
        _fill(request, tree, 1)
    except _BadValueError as error:
        raise PermanentError(f"body is not valid OTLP/JSON: {error}") from error
    return request.SerializeToString()


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON value; write it in quotes")


def _fill(message: Message, tree: object, depth: int) -> None:
    if not isinstance(tree, dict):
        raise _BadValueError(f"expected a JSON object, found {_kind_of(tree)}")
    if depth > MAX_MESSAGE_DEPTH:
        raise _BadValueError(f"values are nested more than {MAX_MESSAGE_DEPTH} messages deep")
    readers = _TABLES[message.DESCRIPTOR.full_name]
    chosen: dict[str, str] = {}
    for key, value in tree.items():
        reader = readers.get(key)
        if reader is None or value is None:
            continue
        if reader.oneof is not None and chosen.setdefault(reader.oneof, key) != key:
            raise _BadValueError(f"has both {chosen[reader.oneof]!r} and {key!r}; give one")
        try:
            if reader.repeated:
                _fill_list(getattr(message, reader.name), reader, value, depth)
            elif reader.scalar is None:
                child = getattr(message, reader.name)
                child.SetInParent()
                _fill(child, value, depth + 1)
            else:
                setattr(message, reader.name, reader.scalar(value))
        except _BadValueError as error:
            error.steps.append(f".{key}")
            raise
        except ValueError as error:  # protobuf's own: out of range, a lone surrogate
            raise _BadValueError(str(error), f".{key}") from error


def _fill_list(target: Any, reader: _FieldReader, value: object, depth: int) -> None:
    if not isinstance(value, list):
        raise _BadValueError(f"expected a JSON array, found {_kind_of(value)}")
    for index, item in enumerate(value):
        try:
            if reader.scalar is None:
                _fill(target.add(), item, depth + 1)
            else:
                target.append(reader.scalar(item))
        except _BadValueError as error:
            error.steps.append(f"[{index}]")
            raise
        except ValueError as error:  # as above
            raise _BadValueError(str(error), f"[{index}]") from error


class _FieldReader:
    """How one field of a message is read: by `scalar`, or as a message where that is None."""

    __slots__ = ("name", "oneof", "repeated", "scalar")

    def __init__(self, descriptor: FieldDescriptor) -> None:
        self.name = descriptor.name
        self.repeated = descriptor.is_repeated
        oneof = descriptor.containing_oneof
        self.oneof = None if oneof is None else oneof.name
        self.scalar: Callable[[Any], Any] | None = None
        if descriptor.type != FieldDescriptor.TYPE_MESSAGE:
            hexadecimal = descriptor.name in _HEX_FIELDS
            self.scalar = _from_hex if hexadecimal else _SCALARS[descriptor.type]


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _BadValueError(f"expected a string, found {_kind_of(value)}")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise _BadValueError(f"expected true or false, found {_kind_of(value)}")
    return value


def _whole_number(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, float):
        raise _BadValueError(f"expected a whole number, found {value}")
    raise _BadValueError(f"expected a whole number, found {_kind_of(value)}")


def _integer(value: object) -> int:
    if isinstance(value, str):
        if not _INTEGER_TEXT.fullmatch(value):
            raise _BadValueError(f"expected a whole number, found {value[:40]!r}")
        return int(value)
    return _whole_number(value)


def _enum(value: object) -> int:
    if isinstance(value, str):
        raise _BadValueError(f"OTLP writes enums as integers, found the string {value[:40]!r}")
    return _whole_number(value)


def _double(value: object) -> float:
    if isinstance(value, str):
        if value in _SPECIAL_DOUBLES:
            return _SPECIAL_DOUBLES[value]
        if not _NUMBER_TEXT.fullmatch(value):
            raise _BadValueError(f"expected a number, found {value[:40]!r}")
        number = float(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError as error:
            raise _BadValueError("the number is too large for a double") from error
    else:
        raise _BadValueError(f"expected a number, found {_kind_of(value)}")
    if not math.isfinite(number):
        raise _BadValueError('not a finite number; write "NaN", "Infinity" or "-Infinity"')
    return number


def _from_hex(value: object) -> bytes:
    text = _text(value)
    try:
        return binascii.unhexlify(text)
    except ValueError as error:
        raise _BadValueError(f"expected hex digits, found {text[:40]!r}") from error


def _from_base64(value: object) -> bytes:
    text = _text(value).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise _BadValueError(f"expected base64, found {text[:40]!r}") from error


_SCALARS: Mapping[int, Callable[[Any], Any]] = {
    FieldDescriptor.TYPE_STRING: _text,
    FieldDescriptor.TYPE_BOOL: _boolean,
    FieldDescriptor.TYPE_BYTES: _from_base64,
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_ENUM: _enum,
    FieldDescriptor.TYPE_INT32: _integer,
    FieldDescriptor.TYPE_INT64: _integer,
    FieldDescriptor.TYPE_UINT32: _integer,
    FieldDescriptor.TYPE_FIXED32: _integer,
    FieldDescriptor.TYPE_FIXED64: _integer,
}


def _tables() -> Mapping[str, Mapping[str, _FieldReader]]:
    """Readers by JSON key, for every message that a request can hold, by its full name."""
    tables: dict[str, dict[str, _FieldReader]] = {}
    waiting = [ExportTraceServiceRequest.DESCRIPTOR]
    while waiting:
        descriptor = waiting.pop()
        if descriptor.full_name in tables:
            continue
        tables[descriptor.full_name] = {
            field.json_name: _FieldReader(field)
            for field in descriptor.fields
            if field.name not in _PROFILE_FIELDS
        }
        waiting.extend(field.message_type for field in descriptor.fields if field.message_type)
    return tables


_TABLES = _tables()
