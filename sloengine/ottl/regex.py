"""Regular expressions that users write: RE2 only, so that no pattern can take exponential time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import re2

from sloengine.ottl.problems import EvaluationError

# Cuts patterns up, never runs them: `re` is safe here.
_PIECES = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|\(\?<|.", re.DOTALL
)

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Any:
    """Return a compiled RE2 pattern; raises `EvaluationError` where it is not one."""
    if position := _any_byte(pattern):
        raise EvaluationError(
            f"the regular expression is not valid: \\C (character {position}) matches half a "
            "character; write ."
        )
    try:
        return re2.compile(pattern, _OPTIONS)
    except re2.error as exc:
        cause = exc.args[0].decode() if isinstance(exc.args[0], bytes) else str(exc.args[0])
        raise EvaluationError(f"the regular expression is not valid: {cause}") from exc


def matches(pattern: str, text: str) -> bool:
    """Return whether `pattern` is found anywhere in `text`."""
    return compile_pattern(pattern).search(text) is not None


def with_python_groups(pattern: str) -> str:
    """Return the pattern with `(?P<name>` for `(?<name>`, which DuckDB's RE2 may not know."""
    return "".join("(?P<" if piece == "(?<" else piece for _, piece in _pieces(pattern))


def _any_byte(pattern: str) -> int:
    r"""Return where `\C` stands, from 1; 0 where it does not. RE2 knows it, Go does not."""
    return next((start + 1 for start, piece in _pieces(pattern) if piece == r"\C"), 0)


def _pieces(pattern: str) -> Iterator[tuple[int, str]]:
    r"""Cut a pattern into escapes, `\Q…\E`, classes, `(?<`, and single characters, with places."""
    for found in _PIECES.finditer(pattern):
        yield found.start(), found.group()
