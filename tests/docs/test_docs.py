"""The documentation says what the code does, because it is made from it or run against it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from generate import DOCS, PAGES

from sloengine.cli import COMMANDS
from sloengine.definitions import load_definitions

ROOT = DOCS.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_generated_page_is_up_to_date(page: str) -> None:
    assert (DOCS / page).read_text(encoding="utf-8") == PAGES[page](), "run `make docs`"


def test_the_architecture_shows_the_layers_that_are_checked() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    drawn = text.partition("<!-- layers -->\n```\n")[2].partition("\n```\n<!-- /layers -->")[0]
    (contract,) = PYPROJECT["tool"]["importlinter"]["contracts"]
    assert drawn.splitlines() == [layer for layer in contract["layers"] if layer != "__main__"]


def test_the_architecture_names_every_room() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rooms = {
        path.name
        for path in (ROOT / "sloengine").iterdir()
        if path.is_dir() and (path / "__init__.py").exists()
    }
    assert {room for room in rooms if f"| `{room}` |" not in text} == set()


def test_every_dependency_has_its_reason() -> None:
    text = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    declared = {
        re.split(r"[><=]", requirement)[0]
        for requirement in [
            *PYPROJECT["project"]["dependencies"],
            *PYPROJECT["dependency-groups"]["build"],
        ]
    }
    assert {name for name in declared if f"`{name}`" not in text} == set()


def test_the_first_definition_of_the_readme_is_the_one_that_is_shipped(tmp_path: Path) -> None:
    shipped = ROOT / "slo-definitions" / "examples" / "first" / "checkout.yaml"
    (block,) = re.findall(r"```yaml\n(apiVersion: sloengine/v1\n.*?)```", README, re.DOTALL)
    file = tmp_path / "checkout.yaml"
    file.write_text(block, encoding="utf-8")
    plan = load_definitions(tmp_path).plan
    assert plan.revision == load_definitions(shipped).plan.revision


def test_the_tee_of_the_readme_is_the_one_that_a_collector_was_tested_with() -> None:
    tee = yaml.safe_load((ROOT / "otel-config" / "tee.yaml").read_text(encoding="utf-8"))
    blocks = [
        yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    ]
    assert tee in blocks


def test_every_command_of_the_readme_exists() -> None:
    used = set(re.findall(r"sloengine ([a-z][a-z-]+)", "\n".join(_code(README))))
    assert used
    assert used <= set(COMMANDS)


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    assert set(re.findall(r"make ([a-z][a-z-]*)", "\n".join(_code(README)))) <= targets


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(f"docs/{p.name}" for p in DOCS.glob("*.md"))]
)
def test_every_relative_link_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert ((ROOT / page).parent / target).exists(), target


def _code(text: str) -> list[str]:
    return re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, re.DOTALL) + re.findall(
        r"`([^`\n]+)`", text
    )
