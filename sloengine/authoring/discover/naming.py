"""Names for proposals: short where that is enough, and always different."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from sloengine.authoring.discover.labels import Label

MOST_CHARACTERS = 48
"""The promise's name is longer than the transaction's, and both have their limit."""
_RESERVED = frozenset({"other", "ignored"})
_PARAMETER = re.compile(r"[{:<*].*|.*…}")
_NOISE = re.compile(r"api|rest|v\d+|", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def slug(text: str) -> str:
    """Return text as a name; empty where nothing of it can stand in one."""
    parts = _NOT_IN_NAMES.sub("-", _CAMEL.sub("-", text).lower()).strip("-")
    return parts[:MOST_CHARACTERS].strip("-")


def names_of(label: Label) -> tuple[str, str, str]:
    """Return a short name for what a label says, a longer one, and one with its service."""
    verb, space, rest = label.title.partition(" ")
    path = rest if space and rest.startswith("/") else label.title
    if path.startswith("/"):
        segments = [part for part in path.split("/") if not _PARAMETER.fullmatch(part)]
        telling = [part for part in segments if not _NOISE.fullmatch(part)] or segments
        short = slug("-".join(telling)) or "home"
        longer = f"{slug(verb)}-{short}" if path is rest else short
    else:
        short = slug(label.title.rpartition("/")[2] or label.title) or "transaction"
        longer = slug(label.title.rpartition(".")[2]) or short
    return short, slug(longer), slug(f"{label.service or ''}-{longer}")


def choose(candidates: Sequence[tuple[str, ...]], taken: Collection[str]) -> list[str]:
    """Return one name for each tuple of candidates, the first that nobody else wants."""
    used = {*taken, *_RESERVED}
    chosen: list[str | None] = [None] * len(candidates)
    for level in range(max(map(len, candidates), default=0)):
        wanted = Counter(
            names[min(level, len(names) - 1)]
            for names, done in zip(candidates, chosen, strict=True)
            if done is None
        )
        for number, names in enumerate(candidates):
            name = names[min(level, len(names) - 1)]
            if chosen[number] is None and wanted[name] == 1 and name and name not in used:
                chosen[number] = name
        used |= {name for name in chosen if name is not None}
    for number, names in enumerate(candidates):
        if chosen[number] is None:
            stem = names[-1][: MOST_CHARACTERS - 4] or "transaction"
            chosen[number] = next(
                name for i in range(2, len(used) + 3) if (name := f"{stem}-{i}") not in used
            )
            used.add(chosen[number] or "")
    return [name for name in chosen if name is not None]
