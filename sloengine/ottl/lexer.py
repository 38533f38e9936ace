"""Text to tokens. Whitespace separates and means nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sloengine.ottl.problems import OttlError

MAX_LENGTH = 16_384
"""Longest accepted expression, in characters."""


class Kind(StrEnum):
    """What a token is."""

    BYTES = "bytes"
    FLOAT = "float"
    INT = "int"
    STRING = "string"
    KEYWORD = "keyword"
    COMPARISON = "comparison"
    OPERATOR = "operator"
    MARK = "mark"
    UPPER = "upper"
    """A function or an enum: it begins with a capital."""
    LOWER = "lower"
    """A part of a path or the name of an argument."""
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text; `offset` counts characters from 0."""

    kind: Kind
    text: str
    offset: int

    @property
    def end(self) -> int:
        """The offset just after the token."""
        return self.offset + len(self.text)


KEYWORDS = frozenset({"and", "or", "not", "true", "false", "nil"})

# The engine's own grammar, not a pattern that a user wrote: `re` is safe here.
_TOKENS = re.compile(
    r"""
    (?P<bytes>0x[a-fA-F0-9]+)
    | (?P<float>(?:[0-9]+\.[0-9]*|[0-9]*\.[0-9]+)(?:[eE][-+]?[0-9]+)?)
    | (?P<int>[0-9]+)
    | (?P<string>"(?:[^\\"]|\\.)*")
    | (?P<comparison>==|!=|>=|<=|>|<)
    | (?P<operator>[-+*/])
    | (?P<mark>[=(){}\[\]:,.])
    | (?P<upper>[A-Z][A-Za-z0-9_]*)
    | (?P<lower>[a-z][a-z0-9_]*)
    | (?P<space>[ \t\n\f\r]+)
    """,
    re.VERBOSE | re.ASCII,
)

_SURROGATE = re.compile("[\ud800-\udfff]")


def tokenize(text: str) -> list[Token]:
    """Split `text` into tokens, the last of which is `Kind.END`.

    Raises `OttlError` for a character that begins no token or is none, and for text over
    `MAX_LENGTH`.
    """
    if len(text) > MAX_LENGTH:
        raise OttlError(
            f"the expression has {len(text)} characters, {MAX_LENGTH} are allowed; "
            "write several shorter conditions",
            MAX_LENGTH,
        )
    if found := _SURROGATE.search(text):
        raise OttlError("half of a surrogate pair is no character", found.start())
    return list(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    offset = 0
    while offset < len(text):
        found = _TOKENS.match(text, offset)
        if found is None:
            raise _unreadable(text, offset)
        piece = found.group()
        if found.lastgroup != "space":
            kind = Kind(found.lastgroup or "")
            if kind is Kind.LOWER and piece in KEYWORDS:
                kind = Kind.KEYWORD
            yield Token(kind, piece, offset)
        offset = found.end()
    yield Token(Kind.END, "", len(text))


def _unreadable(text: str, offset: int) -> OttlError:
    character = text[offset]
    match character:
        case '"':
            return OttlError('this string has no end; close it with "', offset, len(text) - offset)
        case "'" | "`" | "\u201c" | "\u201d" | "\u2018" | "\u2019":
            return OttlError(f'strings stand in double quotes ("), not {character}', offset)
        case "%" | "^":
            return OttlError(
                f"{character} is not an operator; arithmetic knows + - * and /", offset
            )
        case "&" | "|" | "!" | "~":
            return OttlError(f"{character} is not an operator; write and, or, not, ==, !=", offset)
        case _:
            return OttlError(f"{character!r} cannot stand in an expression", offset)


_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
}
_ESCAPE = re.compile(
    r"\\(?:(?P<hex>x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"
    r"|(?P<octal>[0-7]{3})|(?P<one>.))"
)


def unquote(token: Token) -> str:
    """Return what a string token says. Raises `OttlError` for an escape that does not exist."""
    pieces: list[str] = []
    body, last = token.text[1:-1], 0
    for found in _ESCAPE.finditer(body):
        pieces.append(body[last : found.start()])
        pieces.append(_unescape(found, token.offset + 1 + found.start()))
        last = found.end()
    pieces.append(body[last:])
    return "".join(pieces)


def _unescape(found: re.Match[str], offset: int) -> str:
    length = len(found.group())
    if found["one"] is not None:
        character = found["one"]
        if character in _ESCAPES:
            return _ESCAPES[character]
        raise OttlError(
            f"\\{character} is no escape; a backslash is written twice (\\\\{character})",
            offset,
            length,
        )
    code = int(found["octal"], 8) if found["octal"] else int(found["hex"][1:], 16)
    if found["octal"] and code > 255:
        raise OttlError("an octal escape goes up to \\377", offset, length)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise OttlError(f"U+{code:04X} is no character", offset, length)
    return chr(code)
