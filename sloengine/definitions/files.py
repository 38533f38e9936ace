"""Finding and reading the files of a set."""

from __future__ import annotations

import os
from pathlib import Path

from sloengine.errors import DefinitionsError, OperatorError, Problem
from sloengine.yamldoc import Document, load_file

_SUFFIXES = (".yaml", ".yml")
_TESTS = (".test.yaml", ".test.yml")
EXAMPLES = "examples"


def find_files(path: Path) -> list[Path]:
    """Return the definition files of a folder and its sub-folders, in ascending order.

    Left out are `*.test.yaml`, names that begin with a dot, and any sub-folder called `examples`:
    a set shows examples beside it without applying them. To load examples, name their folder.
    A path to one file is that file.

    Raises:
        OperatorError: there is no such path, nothing in it, or a folder that cannot be read.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        message = f"{path}: there is no such file or folder of definitions; correct the path"
        raise OperatorError(message)
    found = []
    for folder, subfolders, names in os.walk(path, onerror=_refuse):
        subfolders[:] = sorted(
            name for name in subfolders if name != EXAMPLES and not name.startswith(".")
        )
        found += [Path(folder, name) for name in names if _is_definition(name)]
    if not found:
        message = (
            f"{path}: the folder holds no definitions (*.yaml); write one, or start from "
            "slo-definitions/examples/first"
        )
        raise OperatorError(message)
    return sorted(found)


def read_files(files: list[Path], problems: list[Problem]) -> tuple[list[Document], bool]:
    """Return the documents of all files, and whether all could be read; problems are noted."""
    documents: list[Document] = []
    complete = True
    for file in files:
        try:
            documents += load_file(file)
        except DefinitionsError as error:
            problems += error.problems
            complete = False
    return documents, complete


def _refuse(error: OSError) -> None:
    message = f"{error.filename}: the folder cannot be read: {error.strerror}; check its rights"
    raise OperatorError(message) from error


def _is_definition(name: str) -> bool:
    return name.endswith(_SUFFIXES) and not name.endswith(_TESTS) and not name.startswith(".")
