"""Reading a YAML file from disk, with the same kind of error as for what is in it."""

from __future__ import annotations

import pathlib

from sloengine.errors import DefinitionsError, Position, Problem
from sloengine.yamldoc.document import MAX_BYTES, Document, load_documents


def load_file(path: pathlib.Path, *, shown_as: str | None = None) -> list[Document]:
    """Read and parse a UTF-8 file; `shown_as` replaces the path in positions.

    Never reads more than the size limit, whatever the file is.

    Raises:
        DefinitionsError: the file cannot be read, is not UTF-8, or `load_documents` refuses it.
    """
    name = shown_as or str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}; check the path and its rights"
        raise DefinitionsError([Problem(Position(name, 1, 1), "", message)]) from error
    if len(raw) > MAX_BYTES:
        message = f"the file has more than {MAX_BYTES:,} bytes; split it"
        raise DefinitionsError([Problem(Position(name, 1, 1), "", message)])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        message = "this byte is not UTF-8; save the file as UTF-8"
        raise DefinitionsError([Problem(Position(name, line, column), "", message)]) from error
    return load_documents(text, name)
