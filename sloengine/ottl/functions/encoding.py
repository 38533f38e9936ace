"""Functions that encode, decode, hash and parse."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable
from typing import Any

from sloengine.ottl.functions.getters import STRING, checked
from sloengine.ottl.functions.json_text import parse_json
from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.regex import compile_pattern
from sloengine.ottl.registry import Function, Getter, Parameter
from sloengine.ottl.values import OpaqueId, Operand, Value, type_name, wrap_int


def _bytes_like(value: Operand) -> bytes:
    match value:
        case None:
            return b""
        case bool():
            return bytes([value])
        case int():
            return struct.pack(">q", value)
        case float():
            return struct.pack(">d", value)
        case str():
            return value.encode()
        case bytes() if not isinstance(value, OpaqueId):
            return value
        case _:
            raise EvaluationError(f"a {type_name(value)} has no bytes")


_BYTES_LIKE = Getter("bytes or what stands for them", _bytes_like)


def _decode(target: str) -> str:
    try:
        data = base64.b64decode(target.replace("\n", "").replace("\r", ""), validate=True)
        return data.decode()
    except (binascii.Error, ValueError) as exc:
        raise EvaluationError("this is no base64 of UTF-8 text") from exc


def _encode(target: str, variant: str | None) -> str:
    if variant not in _VARIANTS:
        raise EvaluationError(f'"{variant}" is no variant; use {", ".join(sorted(_NAMED))}')
    encode = base64.urlsafe_b64encode if "url" in (variant or "") else base64.b64encode
    text = encode(target.encode()).decode("ascii")
    return text.rstrip("=") if "raw" in (variant or "") else text


_NAMED = ("base64", "base64-raw", "base64-url", "base64-raw-url")
_VARIANTS = (None, *_NAMED)


def _check_variant(variant: str) -> None:
    _encode("", variant)


def _digest(name: str) -> Callable[[str], str]:
    def digest(target: str) -> str:
        return hashlib.new(name, target.encode(), usedforsecurity=False).hexdigest()

    return digest


def _fnv(target: str) -> int:
    """FNV-1a, 64 bits (draft-eastlake-fnv), as a signed integer."""
    number = 0xCBF29CE484222325
    for byte in target.encode():
        number = (number ^ byte) * 0x100000001B3 % 2**64
    return wrap_int(number)


def _named_groups(pattern: str) -> Any:
    compiled = compile_pattern(pattern)
    if not compiled.groupindex:
        raise EvaluationError("the pattern names no group; write (?P<name>…)")
    return compiled


def _extract(target: str, pattern: str) -> dict[str, Value]:
    found = _named_groups(pattern).search(target)
    return {name: text or "" for name, text in found.groupdict().items()} if found else {}


_TARGET = (Parameter("target", STRING),)

FUNCTIONS = (
    Function(
        "Hex",
        (Parameter("target", _BYTES_LIKE),),
        bytes.hex,
        "The bytes of a value in hexadecimal digits; numbers have eight bytes, nil none.",
    ),
    Function(
        "Base64Decode",
        _TARGET,
        _decode,
        "The text that base64 stands for; an error where it is none.",
    ),
    Function(
        "Base64Encode",
        (*_TARGET, Parameter("variant", checked(STRING, _check_variant), optional=True)),
        _encode,
        "The base64 of a string; variants base64, base64-raw, base64-url, base64-raw-url.",
    ),
    Function("MD5", _TARGET, _digest("md5"), "The MD5 of a string, in hexadecimal digits."),
    Function("SHA1", _TARGET, _digest("sha1"), "The SHA-1 of a string, in hexadecimal digits."),
    Function("SHA256", _TARGET, _digest("sha256"), "The SHA-256 of a string, in digits."),
    Function("SHA512", _TARGET, _digest("sha512"), "The SHA-512 of a string, in digits."),
    Function("FNV", _TARGET, _fnv, "The 64-bit FNV-1a hash of a string, as an int."),
    Function(
        "ParseJSON",
        _TARGET,
        parse_json,
        "The map or list that JSON text stands for; every number is a double.",
    ),
    Function(
        "ExtractPatterns",
        (*_TARGET, Parameter("pattern", checked(STRING, _named_groups))),
        _extract,
        "The named groups of the first match, as a map; empty where nothing matches.",
    ),
)
