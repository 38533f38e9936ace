"""JSON Schema (2020-12) of definitions, for editors: made of the shapes that the reader checks."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sloengine.authoring.testing.schema import TEST_SCHEMA
from sloengine.definitions import DOCUMENTS
from sloengine.definitions.shapes import Schema, Shared
from sloengine.errors import OperatorError

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_FILE = "docs/schema/definitions.schema.json"
"""Where the repository keeps the schema of all kinds, which modelines name."""


def schema_of(kind: str | None = None) -> Schema:
    """Return the JSON Schema of documents of one kind, or of every kind.

    A document that the reader accepts is valid; one that is valid may still be refused, for what a
    schema cannot see: names of other definitions, the inside of conditions, time zones.

    Raises:
        OperatorError: there is no such kind.
    """
    shared: Shared = {}
    kinds = _kinds(shared)
    if kind is not None:
        if kind not in kinds:
            message = f'there is no kind "{kind}"; kinds are {", ".join(kinds)}'
            raise OperatorError(message)
        used: Shared = {}
        schema = {"$schema": _DIALECT, "title": kind, **_kinds(used, kind)[kind]}
        return {**schema, "$defs": used} if used else schema
    return {
        "$schema": _DIALECT,
        "title": "Definitions of sloengine",
        "description": "Any document of a folder of definitions, and of the tests beside them.",
        "type": "object",
        "required": ["apiVersion", "kind", "spec"],
        "properties": {"kind": {"enum": list(kinds)}},
        # By kind, so that an editor speaks of the kind that was begun, not of all.
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
                "then": {"$ref": f"#/$defs/{name}"},
            }
            for name in kinds
        ],
        "$defs": {**kinds, **shared},
    }


def _kinds(shared: Shared, only: str | None = None) -> Mapping[str, Schema]:
    """Return the schemas of all kinds, or of one, with the pieces that they need in `shared`."""
    kinds = {
        name: document.schema(shared)
        for name, document in DOCUMENTS.items()
        if only in {None, name}
    }
    test = {key: value for key, value in TEST_SCHEMA.items() if key not in {"$schema", "title"}}
    return {**kinds, "Test": test}


def schema_text(kind: str | None = None) -> str:
    """Return a schema as a file: JSON, indented, with a newline at the end."""
    return json.dumps(schema_of(kind), indent=1, ensure_ascii=False) + "\n"
