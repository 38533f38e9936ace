"""`Check`: one question about the traces, its answer, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WATCH = "watch"
    """Numbers are right, or nearly; somebody should know."""
    MEND = "mend"
    """Numbers are wrong or missing until somebody does something."""
    NONE = "not checked"
    """It cannot be seen from here."""


@dataclass(frozen=True, slots=True)
class Check:
    """The answer to one question."""

    name: str
    level: Level
    text: str
    cures: tuple[str, ...] = ()
