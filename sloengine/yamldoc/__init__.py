"""YAML with positions, and nothing that makes YAML dangerous.

In: the text of a file that a person wrote. Out: one `Document` for each YAML document, whose nodes
know their line and column. Guaranteed: no aliases, tags or duplicate keys; at most 32 levels,
100,000 nodes and 1 MiB; every problem of a file is found in one go, as far as its syntax allows;
numbers are exact (`int` and `Decimal`, never `float`).

Scalars follow YAML 1.2: only `true`, `false`, `null` and numbers are special. `NO` is text, `12:30`
is text. A reader that wants text takes `Node.text`, which is what the person wrote.
"""

from sloengine.yamldoc.document import MAX_BYTES, MAX_DEPTH, MAX_NODES, Document, load_documents
from sloengine.yamldoc.files import load_file
from sloengine.yamldoc.node import Data, Node, Path, Scalar
from sloengine.yamldoc.scalars import plain_scalar

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "Data",
    "Document",
    "Node",
    "Path",
    "Scalar",
    "load_documents",
    "load_file",
    "plain_scalar",
]
