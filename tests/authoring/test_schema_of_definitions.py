"""JSON Schema for editors says what the reader says, as far as a schema can."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.authoring.schema import SCHEMA_FILE, schema_of, schema_text
from sloengine.cli import cli
from sloengine.definitions import DOCUMENTS
from sloengine.definitions.load import read_set
from sloengine.errors import DefinitionsError, OperatorError
from sloengine.yamldoc import Data, Document, load_documents, load_file

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "slo-definitions").rglob("*.yaml"))
MODELINED = [file for file in SHIPPED if not file.name.endswith(".test.yaml")]
BAD = sorted((ROOT / "tests/definitions/bad").glob("*.bad.yaml"))
OPENSLO = sorted((ROOT / "tests/definitions/openslo").rglob("*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(schema_of())

# What is wrong in these is not the shape: names, the inside of conditions, what fits together.
ONLY_THE_READER_KNOWS = {
    "bad-without-where",
    "broken-condition",
    "calendar-in-no-time-zone",
    "count-never",
    "duplicate-name",
    "entry-never",
    "error-in-a-folded-condition",
    "good-without-where",
    "journey-in-a-circle",
    "journey-tied-by-nothing",
    "journey-with-unknown-step",
    "objectives-with-one-name",
    "openslo-operator-on-referenced-ratio",
    "promise-and-slo",
    "promise-of-nothing",
    "reserved-name",
    "short-window-not-shorter",
    "start-time-with-a-zone",
    "two-transactions",
    "type-other-than-its-source",
    "undeclared-dimension",
    "undeclared-group",
    "unknown-alert-policy",
    "unknown-condition",
    "unknown-indicator",
    "unknown-path",
    "unknown-transaction",
}


def name_of(file: Path) -> str:
    return file.name.split(".")[0]


def complaints(data: Data) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(data)]


def readable(file: Path) -> list[Document]:
    """The documents of a file; none where it is no YAML, which no schema is asked about."""
    try:
        return load_file(file)
    except DefinitionsError:
        return []


def test_the_schema_is_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of())
    for kind in (*DOCUMENTS, "Test"):
        jsonschema.Draft202012Validator.check_schema(schema_of(kind))


@pytest.mark.parametrize("file", SHIPPED, ids=[str(file.relative_to(ROOT)) for file in SHIPPED])
def test_everything_that_we_ship_is_valid(file: Path) -> None:
    for document in load_file(file):
        assert complaints(document.data) == []


@pytest.mark.parametrize("file", MODELINED, ids=[str(f.relative_to(ROOT)) for f in MODELINED])
def test_everything_that_we_ship_tells_editors_where_the_schema_is(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    prefix = "# yaml-language-server: $schema="
    assert first.startswith(prefix)
    assert (file.parent / first.removeprefix(prefix)).resolve() == ROOT / SCHEMA_FILE


def test_the_schema_in_the_repository_is_the_one_that_the_command_prints() -> None:
    assert (ROOT / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text()
    assert CliRunner().invoke(cli, ["schema"]).output == schema_text()


@pytest.mark.parametrize("file", OPENSLO, ids=[name_of(file) for file in OPENSLO])
def test_every_field_of_openslo_is_valid(file: Path) -> None:
    for document in load_file(file):
        assert complaints(document.data) == []


@pytest.mark.parametrize("file", BAD, ids=[name_of(file) for file in BAD])
def test_a_mistake_of_shape_is_seen_without_the_reader(file: Path) -> None:
    documents = readable(file)
    if documents:
        found = any(complaints(document.data) for document in documents)
        assert found is (name_of(file) not in ONLY_THE_READER_KNOWS)


def test_every_kind_has_a_schema_of_its_own() -> None:
    for file in SHIPPED:
        for document in load_file(file):
            data = document.data
            assert isinstance(data, dict)
            jsonschema.validate(data, schema_of(str(data["kind"])), jsonschema.Draft202012Validator)


def test_a_schema_of_one_kind_refuses_another() -> None:
    (document, *_) = load_file(ROOT / "slo-definitions/health-checks.yaml")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document.data, schema_of("SLO"), jsonschema.Draft202012Validator)


def test_a_kind_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(OperatorError, match='no kind "Slo"; kinds are BusinessTransaction, '):
        schema_of("Slo")


def test_every_key_is_explained_to_the_editor() -> None:
    schema: Any = json.loads(schema_text())
    silent = [
        f"{name}.{key}"
        for name, shape in schema["$defs"].items()
        if name in DOCUMENTS
        for key, member in shape["properties"].items()
        if not member["description"].endswith(".")
    ]
    assert silent == []


WRONG: tuple[Data, ...] = (None, "", "x", "1.5", 0, -1, True, [], {}, ["x"], [{}], {"x": 1})


def examples() -> list[Any]:
    texts = [file.read_text(encoding="utf-8") for file in (*SHIPPED, *OPENSLO)]
    documents = [document for text in texts for document in yaml.safe_load_all(text)]
    return [document for document in documents if document["kind"] != "Test"]


def places(data: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = data.items() if isinstance(data, dict) else enumerate(data)
    for key, child in children:
        yield (*here, key)
        if isinstance(child, dict | list):
            yield from places(child, (*here, key))


EXAMPLES = examples()
PLACES = [(index, path) for index, data in enumerate(EXAMPLES) for path in places(data)]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from((*WRONG, ...)))
def test_what_the_reader_accepts_is_valid(place: tuple[int, tuple[Any, ...]], wrong: Any) -> None:
    """A schema that is stricter than the reader would mark good definitions red."""
    index, path = place
    broken = copy.deepcopy(EXAMPLES[index])
    inner = broken
    for step in path[:-1]:
        inner = inner[step]
    if wrong is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = wrong
    (document,) = load_documents(yaml.safe_dump(broken), "f.yaml")
    if complaints(document.data) == []:
        return
    with pytest.raises(DefinitionsError):
        # With a file that cannot be read, names that are missing are no errors.
        read_set([document], [], complete=False)
