"""What can go wrong with an expression: it cannot be read, or it cannot be decided."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class OttlError(Exception):
    """An expression that cannot be used, and where.

    `offset` and `length` count characters of the text that was parsed, from 0. The message says
    what is wrong and what to write instead; it names no file.
    """

    def __init__(self, message: str, offset: int, length: int = 1) -> None:
        super().__init__(message if len(message) <= 2000 else f"{message[:1997]}...")
        self.offset = offset
        self.length = length


class EvaluationError(Exception):
    """The third state of an expression: on these values it is neither true nor false."""


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` for the closest known word, or an empty string."""
    if len(word) > 80:
        return ""
    names = list(known)
    by_lower = {name.lower(): name for name in names}
    if word.lower() in by_lower:
        return f"; did you mean {by_lower[word.lower()]}?"
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
