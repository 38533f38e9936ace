"""The shape of whole documents, for those who describe them: JSON Schema and documentation."""

from __future__ import annotations

from collections.abc import Mapping

from sloengine.definitions import openslo, ours
from sloengine.definitions.catalogue import HEAD, KINDS, OPENSLO, OURS
from sloengine.definitions.shapes import Choice, Shape
from sloengine.definitions.structures import Record, metadata, record

_SPECS: Mapping[str, Mapping[str, Shape]] = {OURS: ours.SPECS, OPENSLO: openslo.SPECS}


def _document(version: str, kind: str) -> Record:
    members: dict[str, tuple[Shape, str]] = {
        "apiVersion": (Choice((version,)), "Vocabulary of the document."),
        "kind": (Choice((kind,)), "What the document defines."),
        "metadata": (metadata, "What it is called."),
        "spec": (_SPECS[version][kind], f"What the {kind} says."),
    }
    return record({key: members[key] for key in HEAD}, HEAD)


DOCUMENTS: Mapping[str, Record] = {
    kind: _document(version, kind) for version, kinds in KINDS.items() for kind in kinds
}
"""The shape of a document by its kind, ours first."""
