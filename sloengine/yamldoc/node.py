"""`Node`: a piece of a YAML document and where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from sloengine.errors import Position

Scalar = None | bool | int | Decimal | str
Data = Scalar | list["Data"] | dict[str, "Data"]
Path = tuple[str | int, ...]
"""Keys and indices from the root of a document."""

_ESCAPE_LENGTH = {"x": 4, "u": 6, "U": 10}


@dataclass(frozen=True, slots=True)
class Node:
    """A mapping, a sequence or a scalar.

    Attributes:
        kind: which of the three.
        position: where the value starts (at its opening quote, bracket or first key).
        key_position: where its key starts; where it is not in a mapping, the same as `position`.
        style: `plain`, `single`, `double`, `literal` or `folded` for a scalar; `block` or `flow`
            for a collection.
        text: a scalar as a person wrote it, without quotes; empty for a collection.
        value: a scalar as plain Python; `None` for a collection.
        entries: the members of a mapping, in order of appearance.
        items: the members of a sequence.
    """

    kind: Literal["mapping", "sequence", "scalar"]
    position: Position
    key_position: Position
    style: str
    text: str = ""
    value: Scalar = None
    entries: Mapping[str, Node] = field(default_factory=dict)
    items: Sequence[Node] = ()

    @property
    def is_null(self) -> bool:
        """Whether there is nothing: an empty value, `~` or `null`."""
        return self.kind == "scalar" and self.value is None

    def find(self, path: Path) -> Node:
        """Return the node at `path`, or the closest one above it that exists."""
        node = self
        for step in path:
            if isinstance(step, str) and step in node.entries:
                node = node.entries[step]
            elif isinstance(step, int) and 0 <= step < len(node.items):
                node = node.items[step]
            else:
                break
        return node

    def data(self) -> Data:
        """Return the value as plain dictionaries, lists and scalars."""
        if self.kind == "mapping":
            return {key: node.data() for key, node in self.entries.items()}
        if self.kind == "sequence":
            return [node.data() for node in self.items]
        return self.value


def place_in_scalar(node: Node, offset: int, lines: Sequence[str]) -> Position:
    """Return where character `offset` of `node.text` stands in the file.

    Characters of the text and of the file are matched in order; white space, which YAML folds, and
    escapes are stepped over. `lines` are the lines of the whole file.
    """
    row = node.position.line - 1
    column = node.position.column - 1
    if node.style in {"single", "double"}:
        column += 1
    elif node.style in {"literal", "folded"}:
        row, column = row + 1, 0
    wanted = sum(not char.isspace() for char in node.text[:offset])
    previous = Position(node.position.file, row + 1, column + 1)
    while row < len(lines):
        line = lines[row]
        while column < len(line):
            width, visible = _character(line, column, node.style)
            if visible:
                if wanted == 0:
                    return Position(node.position.file, row + 1, column + 1)
                wanted -= 1
                previous = Position(node.position.file, row + 1, column + width + 1)
                if wanted == 0 and not node.text[offset:].strip():
                    return previous
            column += width
        row, column = row + 1, 0
    return previous


def _character(line: str, column: int, style: str) -> tuple[int, bool]:
    """Return how many characters of the file make one of the text, and whether it is visible."""
    char = line[column]
    if style == "single" and line.startswith("''", column):
        return 2, True
    if style == "double" and char == "\\":
        escape = line[column + 1 : column + 2]
        return _ESCAPE_LENGTH.get(escape, 2), escape not in set("0abtnvfre N_LP\t")
    return 1, not char.isspace()
