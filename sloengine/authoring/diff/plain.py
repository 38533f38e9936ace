"""Changes of texts and of mappings from name to text."""

from __future__ import annotations

from collections.abc import Mapping

from sloengine.authoring.diff.changes import Detail
from sloengine.report import numbers
from sloengine.report.clean import one_line

_SHORT = 40


def text_detail(what: str, before: str, after: str) -> list[Detail]:
    """Return how a text changed: short ones in a sentence, long ones below each other."""
    old, new = (" ".join(one_line(text).split()) for text in (before, after))
    if old == new:
        return []
    if len(old) <= _SHORT and len(new) <= _SHORT:
        return [Detail(f"{what} {old or numbers.NONE} → {new or numbers.NONE}")]
    return [Detail(f"{what} changed", old, new)]


def mapping_details(what: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[Detail]:
    """Return which entries came, went and changed."""
    details = []
    for key in sorted({*before, *after}):
        details += text_detail(f"{what} {key}", before.get(key, ""), after.get(key, ""))
    return details
