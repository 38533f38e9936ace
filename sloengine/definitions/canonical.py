"""One text for one meaning: what hashes are taken of, and what the store keeps of a set.

A definition becomes one line: JSON with sorted keys, whose numbers stand as they were written. It
is YAML too, so the same reader takes it. Comments, layout, quoting and the order of files,
documents and keys leave no trace.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable
from itertools import zip_longest
from typing import NamedTuple

from sloengine.errors import DefinitionsError, Position, Problem
from sloengine.yamldoc import Document, Node, load_documents

_HASH_DIGITS = 12
_JSON = json.JSONEncoder(ensure_ascii=False)
_HEAD = re.compile(r"--- # (.*):(\d+)")
# JSON allows these in text, YAML does not.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def canonical(node: Node) -> str:
    """Return a node's canonical text, on one line."""
    if node.kind == "mapping":
        members = (
            f"{_quoted(key)}: {canonical(node.entries[key])}" for key in sorted(node.entries)
        )
        return "{" + ", ".join(members) + "}"
    if node.kind == "sequence":
        return "[" + ", ".join(canonical(item) for item in node.items) + "]"
    if node.value is None:
        return "null"
    return _quoted(node.text) if isinstance(node.value, str) else node.text


def text_hash(text: str) -> str:
    """Return the content hash of a text: the first 12 hex digits of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]


def content_hash(root: Node, *, without: Collection[str] = ()) -> str:
    """Return the hash of one definition's name and spec, leaving out some keys of the spec."""
    spec = root.entries["spec"]
    kept = [
        f"{_quoted(key)}: {canonical(spec.entries[key])}"
        for key in sorted(spec.entries)
        if key not in without
    ]
    return text_hash(f"{root.find(('metadata', 'name')).text}: {{{', '.join(kept)}}}")


class Frozen(NamedTuple):
    """A set of definitions as text."""

    text: str
    revision: str


def freeze(documents: Iterable[Document]) -> Frozen:
    """Return the canonical text of a set, with the place of each document, and its hash.

    The hash is of what was written, not of where: places are no part of it.
    """
    lines = sorted(
        (canonical(document.root), _one_line(document.file), document.position().line)
        for document in documents
    )
    text = "".join(f"--- # {file}:{row}\n{line}\n" for line, file, row in lines)
    return Frozen(text, text_hash("\n".join(line for line, _, _ in lines)))


def thaw(text: str) -> list[Document]:
    """Return the documents of a text that `freeze` made, each at its old place.

    Raises:
        DefinitionsError: the text was not made by `freeze`.
    """
    documents = []
    lines = text.removesuffix("\n").split("\n") if text else []
    for head, line in zip_longest(lines[::2], lines[1::2], fillvalue=""):
        match = _HEAD.fullmatch(head)
        if match is None or not line:
            message = "not a stored set of definitions; restore the store from a copy"
            raise DefinitionsError([Problem(Position("stored definitions", 1, 1), "", message)])
        documents += load_documents(line, match.group(1), first_line=int(match.group(2)))
    return documents


def _one_line(name: str) -> str:
    """A file's name may hold anything; a head is one line."""
    return " ".join(name.split("\n"))


def _quoted(text: str) -> str:
    quoted = _JSON.encode(text)
    return _NOT_IN_YAML.sub(lambda match: f"\\u{ord(match.group()):04x}", quoted)
