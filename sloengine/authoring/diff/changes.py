"""`Change`: what differs in one definition, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that differs. `before` and `after` are texts too long for a sentence, or empty."""

    text: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """All that differs in one definition. One that was added or removed says what it is."""

    action: Action
    kind: str
    name: str
    details: tuple[Detail, ...]

    @property
    def subject(self) -> str:
        """What it is about: kind and name."""
        return f'{self.kind} "{self.name}"'
