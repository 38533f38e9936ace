"""What users read about definitions is what the reader checks, and its examples work."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from sloengine.authoring.field_tables import with_tables
from sloengine.cli import cli
from sloengine.definitions import DOCUMENTS
from sloengine.errors import OperatorError

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "definitions.md").read_text(encoding="utf-8")
EDITORS = (DOCS / "editors-and-ci.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_the_tables_of_fields_are_current() -> None:
    assert with_tables(PAGE) == PAGE


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_kind_has_a_table(kind: str) -> None:
    assert f"<!-- fields: {kind} -->\n| field | value |" in PAGE


def test_a_table_of_no_kind_is_an_error() -> None:
    with pytest.raises(OperatorError, match='no kind "Slo"'):
        with_tables("<!-- fields: Slo -->\n<!-- end -->")


def test_every_snippet_can_be_read_by_what_it_is_for() -> None:
    assert [json.loads(text) for text in blocks(EDITORS, "json")]
    snippets: list[Any] = [yaml.safe_load(text) for text in blocks(EDITORS, "yaml")]
    assert len(snippets) == 5
    assert all(isinstance(snippet, dict) for snippet in snippets[1:])


def commands() -> list[str]:
    found = re.findall(
        r"(?<![`\w/-])sloengine (?:validate|test|schema|expand|convert)[^`\n>]*", EDITORS
    )
    return sorted({command.strip() for command in found} - {"sloengine validate", "sloengine test"})


@pytest.mark.parametrize("command", commands())
def test_every_command_of_a_snippet_exists_with_its_options(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(command.rstrip("}"))[1:]
    shop = str(DOCS.parent / "slo-definitions/examples/first")
    placed = [shop if argument == "slo-definitions/" else argument for argument in arguments]
    result = CliRunner().invoke(cli, placed)
    assert result.exit_code == 0, result.output
