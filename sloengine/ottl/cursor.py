"""A place in a list of tokens, and the errors that can be said about it."""

from __future__ import annotations

from sloengine.ottl.lexer import Kind, Token, tokenize
from sloengine.ottl.problems import OttlError
from sloengine.ottl.tree import Node, Place


class Cursor:
    """Moves over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._next = 0

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._next]

    @property
    def following(self) -> Token:
        """The token after the next one."""
        return self._tokens[min(self._next + 1, len(self._tokens) - 1)]

    def advance(self) -> Token:
        """Step over the next token and return it."""
        token = self.token
        self._next += 1
        return token

    def at(self, kind: Kind, *texts: str) -> bool:
        """Whether the next token is of this kind, and one of `texts` where they are given."""
        return self.token.kind is kind and (not texts or self.token.text in texts)

    def accept(self, kind: Kind, *texts: str) -> Token | None:
        """Step over the next token where it is wanted; else return `None`."""
        return self.advance() if self.at(kind, *texts) else None

    def expect(self, mark: str, what: str, opening: Token) -> None:
        """Step over the mark that ends `what`, or raise."""
        if self.accept(Kind.MARK, mark):
            return
        self.refuse_end(opening)
        raise self.error(f"{self.token.text} cannot stand here in {what}; , or {mark} should")

    def refuse_end(self, opening: Token) -> None:
        """Raise where the text ends inside the bracket that `opening` opened."""
        if self.token.kind is Kind.END:
            closing = {"(": ")", "[": "]", "{": "}"}[opening.text]
            raise self.error(
                f"the {opening.text} at character {opening.offset + 1} is never closed; "
                f"add {closing}"
            )

    def since(self, offset: int) -> Place:
        """Return the place from `offset` to the last token read."""
        return Place(offset, self._tokens[self._next - 1].end - offset)

    def slice(self, place: Place) -> str:
        """Return the text of a place."""
        return self._text[place.offset : place.offset + place.length]

    def shown(self, place: Place) -> str:
        """Return the text of a place for a message: never long."""
        text = self.slice(place)
        return text if len(text) <= 60 else f"{text[:57]}..."

    def error(self, message: str) -> OttlError:
        """Return an error at the next token."""
        return error_at(self.token, message)


def error_at(token: Token, message: str) -> OttlError:
    """Return an error at a token."""
    return OttlError(message, token.offset, len(token.text))


def error_node(node: Node, message: str) -> OttlError:
    """Return an error at a node."""
    return OttlError(message, node.place.offset, node.place.length)
