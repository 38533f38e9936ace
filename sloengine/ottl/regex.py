"""Regular expressions that users write: RE2 only, so that no pattern can take exponential time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from sloengine.ottl.problems import EvaluationError

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


def _any_byte(pattern: str) -> int:
    """Return where `\\C` stands, from 1; 0 where it does not. RE2 knows it, Go does not."""
    position = 0
    while (position := pattern.find("\\", position)) >= 0:
        following = pattern[position + 1 : position + 2]
        if following == "Q":
            end = pattern.find("\\E", position + 2)
            if end < 0:
                return 0
            position = end + 2
            continue
        if following == "C":
            return position + 1
        position += 2
    return 0
