"""Text -> documents. Works on the parser's events, so hostile input stops before it grows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from sloengine.errors import DefinitionsError, Position, Problem
from sloengine.yamldoc.node import Data, Node, Path, place_in_scalar
from sloengine.yamldoc.scalars import NumberTooLargeError, plain_scalar

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 100_000

# The C parser is some 20 times faster and reports the same events; PyYAML's wheels carry it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STYLES = {None: "plain", "": "plain", "'": "single", '"': "double", "|": "literal", ">": "folded"}
# What YAML does not allow, and the line separators that editors do not count as lines.
_UNPRINTABLE = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_QUOTE = (
    "inside { } or [ ], text that contains any of [ ] { } , : # must stand in single quotes, "
    "like 'span.attributes[\"a\"] == 1'"
)
_TOO_DEEP = f"more than {MAX_DEPTH} levels; nest less deeply"


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document of a file."""

    root: Node
    file: str
    lines: Sequence[str] = field(repr=False)
    first_line: int = 1

    @property
    def data(self) -> Data:
        """The document as plain dictionaries, lists and scalars."""
        return self.root.data()

    def position(self, path: Path = ()) -> Position:
        """Return where the value at `path` starts, or the closest known place above it."""
        return self.root.find(path).position

    def key_position(self, path: Path) -> Position:
        """Return where the key at `path` starts, or the closest known place above it."""
        return self.root.find(path).key_position

    def place(self, node: Node, offset: int) -> Position:
        """Return where character `offset` of a scalar's text stands in the file."""
        if self.first_line != 1:
            return node.position
        return place_in_scalar(node, offset, self.lines)


def load_documents(text: str, file: str, *, first_line: int = 1) -> list[Document]:
    """Parse the documents of one file; empty ones are left out.

    `file` is what positions show. `first_line` is the number of the text's first line, for text
    that was cut from a larger file.

    Raises:
        DefinitionsError: the text is not YAML, or uses a part of YAML that is refused here; with
            every problem that could be found.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    _check_text(text, file, first_line)
    builder = _Builder(file, text.split("\n"), first_line)
    try:
        documents = builder.documents(text)
    except yaml.MarkedYAMLError as error:
        raise DefinitionsError([*builder.problems, builder.syntax_problem(error)]) from error
    if builder.problems:
        raise DefinitionsError(builder.problems)
    return documents


def _check_text(text: str, file: str, first_line: int) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        message = f"the file has {size:,} bytes, the limit is {MAX_BYTES:,}; split it"
        raise DefinitionsError([Problem(Position(file, first_line, 1), "", message)])
    bad = _UNPRINTABLE.search(text)
    if bad:
        before = text[: bad.start()]
        line = before.count("\n") + first_line
        column = bad.start() - (before.rfind("\n") + 1) + 1
        message = f"the character U+{ord(bad.group()):04X} is not allowed in YAML; remove it"
        raise DefinitionsError([Problem(Position(file, line, column), "", message)])


@dataclass(slots=True)
class _Frame:
    """A collection whose end has not come yet."""

    kind: Literal["mapping", "sequence"]
    position: Position
    key_position: Position
    style: str
    entries: dict[str, Node] = field(default_factory=dict)
    items: list[Node] = field(default_factory=list)
    key: str | None = None
    next_key_position: Position | None = None

    def node(self) -> Node:
        return Node(
            self.kind,
            self.position,
            self.key_position,
            self.style,
            entries=self.entries,
            items=self.items,
        )


class _Builder:
    """Turns parser events into nodes without recursion, and collects what is refused."""

    def __init__(self, file: str, lines: Sequence[str], first_line: int) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._lines = lines
        self._first_line = first_line
        self._nodes = 0
        self._open: list[_Frame] = []
        self._documents: list[Document] = []

    def documents(self, text: str) -> list[Document]:
        for event in self._events(text):
            if isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
                self._add(self._scalar(event))
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._begin(event)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._add(self._open.pop().node())
        return self._documents

    def syntax_problem(self, error: yaml.MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark
        position = self._position(mark) if mark else Position(self._file, self._first_line, 1)
        last = self._first_line + len(self._lines) - 1
        if position.line > last:
            # The parser counts the end of an unfinished last line as a line of its own.
            position = Position(self._file, last, len(self._lines[-1]) + 1)
        return Problem(position, "", self._syntax_message(error, position))

    def _syntax_message(self, error: yaml.MarkedYAMLError, position: Position) -> str:
        problem = error.problem or "not YAML"
        row = position.line - self._first_line
        line = self._lines[row] if row < len(self._lines) else ""
        if line[position.column - 1 :].startswith("\t") or line.lstrip(" ").startswith("\t"):
            return "a tab cannot indent YAML; use spaces"
        if "maximum nesting depth" in problem:
            return _TOO_DEEP
        if "flow" in (error.context or "") or any(frame.style == "flow" for frame in self._open):
            return f"{problem}; {_QUOTE}"
        if "mapping values are not allowed" in problem:
            return 'a second ": " in one line; put the text after the first in single quotes'
        if "could not find expected ':'" in problem:
            return 'this line has no ": "; write key: value, or indent it under the line above'
        return f"{problem}; correct the YAML"

    def _events(self, text: str) -> Iterator[Any]:
        loader = _LOADER(text)
        try:
            while loader.check_event():
                yield loader.get_event()
        finally:
            loader.dispose()

    def _begin(self, event: Any) -> None:
        position = self._enter(event)
        if len(self._open) >= MAX_DEPTH:
            raise DefinitionsError([*self.problems, Problem(position, "", _TOO_DEEP)])
        kind: Literal["mapping", "sequence"] = (
            "mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence"
        )
        style = "flow" if event.flow_style else "block"
        if self._awaits_key():
            message = "a key must be plain text; [ ] and { } cannot be keys"
            self.problems.append(Problem(position, "", message))
        self._open.append(_Frame(kind, position, self._key_position(position), style))

    def _scalar(self, event: Any) -> Node:
        position = self._enter(event)
        if isinstance(event, yaml.AliasEvent):
            message = f'the alias "*{event.anchor}" is not allowed; write the value out'
            self.problems.append(Problem(position, "", message))
            # Unique, so that an alias used as a key is not reported twice.
            return Node("scalar", position, position, "plain", text=f"*{position}")
        style = _STYLES.get(event.style, "plain")
        value: Any = event.value
        if style == "plain":
            try:
                value = plain_scalar(event.value)
            except NumberTooLargeError:
                message = "this number is too large; shorten it, or quote it if it is text"
                self.problems.append(Problem(position, "", message))
        key_position = self._key_position(position)
        return Node("scalar", position, key_position, style, text=event.value, value=value)

    def _enter(self, event: Any) -> Position:
        """Count a node and refuse what it carries."""
        position = self._position(event.start_mark)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            message = f"more than {MAX_NODES:,} values; split the file"
            raise DefinitionsError([*self.problems, Problem(position, "", message)])
        if isinstance(event, yaml.AliasEvent):
            return position
        if event.anchor is not None:
            message = f'the anchor "&{event.anchor}" is not allowed; write the value out'
            self.problems.append(Problem(position, "", message))
        if event.tag is not None:
            message = f'the tag "{event.tag}" is not allowed; remove it'
            self.problems.append(Problem(position, "", message))
        return position

    def _awaits_key(self) -> bool:
        return bool(self._open) and self._open[-1].kind == "mapping" and self._open[-1].key is None

    def _key_position(self, position: Position) -> Position:
        frame = self._open[-1] if self._open else None
        return position if frame is None else frame.next_key_position or position

    def _add(self, node: Node) -> None:
        if not self._open:
            if not node.is_null:
                self._documents.append(Document(node, self._file, self._lines, self._first_line))
            return
        frame = self._open[-1]
        if frame.kind == "sequence":
            frame.items.append(node)
        elif frame.key is None:
            frame.key = node.text
            frame.next_key_position = node.position
            if node.text in frame.entries:
                first = frame.entries[node.text].key_position
                message = (
                    f'the key "{node.text}" stands twice, first in line {first.line}; '
                    "remove one of them"
                )
                self.problems.append(Problem(node.position, "", message))
        else:
            frame.entries.setdefault(frame.key, node)
            frame.key = None
            frame.next_key_position = None

    def _position(self, mark: Any) -> Position:
        return Position(self._file, mark.line + self._first_line, mark.column + 1)
