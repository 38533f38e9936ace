"""Typed reading of a YAML node, with every problem collected instead of raised.

A method that meets a problem notes it and returns `None`, so that its caller goes on with the rest.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sloengine.definitions.duration import parse_duration
from sloengine.errors import Position, Problem, Severity
from sloengine.ottl import OttlError
from sloengine.yamldoc import Document, Node

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SEGMENT = r"[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?"
LABEL_KEY = re.compile(_SEGMENT)
_DOMAIN_PART = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
ANNOTATION_KEY = re.compile(rf"({_DOMAIN_PART}(\.{_DOMAIN_PART})*/)?{_SEGMENT}")
SINGLE_QUOTES = "inside { } or [ ] a condition must stand in single quotes, like {entry: '…'}"
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return `; did you mean "x"?` for a close match, else the list of what is known."""
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    if close:
        return f'; did you mean "{close[0]}"?'
    if not known:
        return ""
    return f"; known here: {', '.join(sorted(known))}"


@dataclass(frozen=True, slots=True)
class Source:
    """One definition while it is read: its document, what errors call it, and its problems."""

    document: Document
    subject: str
    problems: list[Problem]

    def error(self, at: Node | Position, message: str) -> None:
        """Note an error at a node's value or at a position."""
        position = at.position if isinstance(at, Node) else at
        self.problems.append(Problem(position, self.subject, message))

    def warning(self, at: Node | Position, message: str) -> None:
        """Note a warning at a node's value or at a position."""
        position = at.position if isinstance(at, Node) else at
        self.problems.append(Problem(position, self.subject, message, Severity.WARNING))

    def ottl_error(self, node: Node, error: OttlError) -> None:
        """Note an error inside the text of a condition, at the character it is about."""
        self.error(self.document.place(node, error.offset), str(error))

    def mapping(
        self, node: Node, what: str, known: Collection[str], required: Collection[str] = ()
    ) -> Mapping[str, Node] | None:
        """Return the members of a mapping; unknown and missing keys are errors.

        A missing required key yields `None`; an unknown one does not.
        """
        if node.kind != "mapping":
            self.error(node, f"{what} must be a mapping with {_keys(required or known)}")
            return None
        stray = [key for key in node.entries if key not in known]
        if node.style == "flow" and any(
            node.entries[key].is_null and not _WORD.fullmatch(key) for key in stray
        ):
            self.error(node, f"{what} is cut apart: {SINGLE_QUOTES}")
            return None
        for key in stray:
            cure = did_you_mean(key, known)
            self.error(node.entries[key].key_position, f'unknown key "{key}" in {what}{cure}')
        missing = [key for key in required if key not in node.entries]
        for key in missing:
            self.error(node.key_position, f'{what} needs "{key}"; add it')
        return None if missing else node.entries

    def free_mapping(self, node: Node, what: str) -> Mapping[str, Node]:
        """Return the members of a mapping with keys of the user's choice."""
        if node.kind != "mapping":
            self.error(node, f"{what} must be a mapping; write name: value")
            return {}
        return node.entries

    def labels(self, node: Node, what: str) -> None:
        """Expect OpenSLO's labels: a text, or a list of texts, for each key."""
        for key, value in self.free_mapping(node, what).items():
            self._key(LABEL_KEY, key, value, what, "a label")
            items = value.items if value.kind == "sequence" else [value]
            for index, item in enumerate(items):
                place = f"[{index}]" if value.kind == "sequence" else ""
                self.text(item, f"{what}.{key}{place}")

    def annotations(self, node: Node, what: str) -> dict[str, str]:
        """Return OpenSLO's annotations: a text for each key, which may have a prefix."""
        members = self.free_mapping(node, what)
        for key, value in members.items():
            self._key(ANNOTATION_KEY, key, value, what, "an annotation")
        return {key: self.text(value, f"{what}.{key}") or "" for key, value in members.items()}

    def _key(self, form: re.Pattern[str], key: str, value: Node, what: str, noun: str) -> None:
        if not form.fullmatch(key):
            prefix = ", after a domain and / if any" if form is ANNOTATION_KEY else ""
            self.error(
                value.key_position,
                f'{what}: the key "{key}" of {noun} must be at most 63 letters, digits, "-", "_" '
                f'and ".", with a letter or digit at both ends{prefix}; rename it',
            )

    def sequence(self, node: Node, what: str) -> list[Node]:
        """Return the members of a list that has at least one."""
        if node.kind != "sequence" or not node.items:
            self.error(
                node, f"{what} must be a list with at least one member; write [ ] or - lines"
            )
            return []
        return list(node.items)

    def one_or_more(self, node: Node, what: str) -> list[Node]:
        """Return the members of a list, or the node itself where it is not a list."""
        return self.sequence(node, what) if node.kind == "sequence" else [node]

    def text(self, node: Node, what: str) -> str | None:
        """Return text as it was written, without white space around it; numbers are text too."""
        if node.kind != "scalar":
            self.error(node, f"{what} must be text")
            return None
        if node.is_null or not node.text.strip():
            self.error(node, f"{what} is empty; write it or remove the key")
            return None
        return node.text.strip()

    def condition_text(self, node: Node, what: str) -> str | None:
        """Return the text of a condition or value expression, exactly as OTTL will read it."""
        if node.kind != "scalar":
            self.error(node, f"{what} must be a condition as text; {SINGLE_QUOTES}")
            return None
        if node.is_null or not node.text.strip():
            self.error(node, f"{what} is empty; write a condition or remove the key")
            return None
        return node.text

    def choice(self, node: Node, what: str, choices: Collection[str]) -> str | None:
        """Return one of a fixed set of words."""
        text = self.text(node, what)
        if text is not None and text not in choices:
            self.error(node, f'{what} cannot be "{text}"{did_you_mean(text, choices)}')
            return None
        return text

    def integer(self, node: Node, what: str, least: int, most: int) -> int | None:
        """Return a whole number within inclusive bounds."""
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            shown = f' "{node.text}"' if node.kind == "scalar" and node.text else ""
            self.error(node, f"{what}{shown} must be a whole number from {least:,} to {most:,}")
            return None
        return value

    def number(self, node: Node, what: str) -> Decimal | None:
        """Return an exact number."""
        if isinstance(node.value, bool) or not isinstance(node.value, int | Decimal):
            self.error(node, f'{what} "{node.text}" must be a number')
            return None
        return Decimal(node.value)

    def boolean(self, node: Node, what: str) -> bool | None:
        """Return true or false."""
        if not isinstance(node.value, bool):
            self.error(node, f"{what} must be true or false")
            return None
        return node.value

    def duration(self, node: Node, what: str, *, positive: bool = True) -> int | None:
        """Return a duration of fixed length in nanoseconds."""
        text = self.text(node, what)
        if text is None:
            return None
        try:
            value = parse_duration(text)
        except ValueError as error:
            self.error(node, f"{what} {error}")
            return None
        if positive and value == 0:
            self.error(node, f"{what} must be longer than nothing")
            return None
        return value

    def name(self, node: Node, what: str) -> str | None:
        """Return a name that is valid wherever names are used: small letters, digits, dashes."""
        text = self.text(node, what)
        if text is not None and not NAME.fullmatch(text):
            self.error(
                node,
                f'{what} "{text}" must be at most 63 small letters, digits and "-", with a letter '
                "or digit at both ends; rename it and put the long form in displayName",
            )
            return None
        return text


def _keys(keys: Collection[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys) if keys else "keys"
