"""Which two sets are compared, in a real git checkout that stays as it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from trace_files import checkout

from sloengine.authoring.diff import compare_plans, sides_of
from sloengine.errors import DefinitionsError, OperatorError


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three commits on main: no definitions, target 99%, target 99.5%."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / "README").write_text("text", encoding="utf-8")
    commit(root, "empty")
    write(root, checkout())
    commit(root, "first")
    write(root, checkout(target="99.5%"))
    commit(root, "second")
    return root


def write(root: Path, text: str, name: str = "checkout.yaml") -> None:
    folder = root / "ops" / "slo-definitions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def commit(root: Path, message: str) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)


def words(revision: str, path: Path) -> list[str]:
    before, after = sides_of(revision, path)
    return [
        f"{change.action} {change.subject}" for change in compare_plans(before.plan, after.plan)
    ]


def test_the_folder_as_it_is_now_is_compared_with_a_revision(repository: Path) -> None:
    folder = repository / "ops/slo-definitions"
    assert words("HEAD", folder) == []
    assert words("HEAD~1", folder) == ['changed SLO "checkout-experience"']
    write(repository, checkout(target="99.5%", more="  priority: 1\n"))
    assert words("HEAD", folder) == ['changed BusinessTransaction "checkout"']
    before, after = sides_of("HEAD", folder)
    short = git(repository, "rev-parse", "--short", "HEAD").strip()
    assert before.title == f"HEAD ({short})"
    assert after.title == f"working folder ({short}+dirty)"


def test_two_revisions_are_compared_without_the_folder(repository: Path) -> None:
    folder = repository / "ops/slo-definitions"
    write(repository, "not even YAML: [")
    assert words("HEAD~1..HEAD", folder) == ['changed SLO "checkout-experience"']
    assert words("HEAD~1..", folder) == ['changed SLO "checkout-experience"']


def test_three_dots_show_what_a_branch_changed_since_it_left(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "branch")
    write(repository, checkout(target="99.5%", more="  priority: 1\n"))
    commit(repository, "on the branch")
    git(repository, "checkout", "-q", "main")
    write(repository, checkout(target="90%"))
    commit(repository, "meanwhile on main")
    folder = repository / "ops/slo-definitions"
    assert words("main...branch", folder) == ['changed BusinessTransaction "checkout"']
    assert words("main..branch", folder) == [
        'changed SLO "checkout-experience"',
        'changed BusinessTransaction "checkout"',
    ]


def test_a_folder_that_a_revision_does_not_have_is_an_empty_set(repository: Path) -> None:
    added = ['added SLO "checkout-experience"', 'added BusinessTransaction "checkout"']
    assert words("HEAD~2", repository / "ops/slo-definitions") == added


def test_one_file_can_be_compared(repository: Path) -> None:
    file = repository / "ops/slo-definitions/checkout.yaml"
    assert words("HEAD~1", file) == ['changed SLO "checkout-experience"']


def test_neither_index_nor_files_of_the_checkout_change(repository: Path) -> None:
    write(repository, checkout(target="90%"))
    git(repository, "add", "-A")
    write(repository, checkout(target="80%"))
    before = git(repository, "status", "--porcelain=v2"), git(repository, "diff", "--cached")
    sides_of("HEAD~1", repository / "ops/slo-definitions")
    after = git(repository, "status", "--porcelain=v2"), git(repository, "diff", "--cached")
    assert after == before


def test_errors_of_a_revision_stand_at_their_place_in_it(repository: Path) -> None:
    write(repository, checkout(target="200%"))
    commit(repository, "wrong")
    write(repository, checkout())
    with pytest.raises(DefinitionsError) as raised:
        sides_of("HEAD", repository / "ops/slo-definitions")
    assert str(raised.value).startswith("HEAD:ops/slo-definitions/checkout.yaml:7:")


def test_an_unknown_revision_a_foreign_folder_and_nothing_at_all_are_said(
    repository: Path, tmp_path: Path
) -> None:
    folder = repository / "ops/slo-definitions"
    with pytest.raises(OperatorError, match='revision "nowhere": git knows no such commit here'):
        sides_of("nowhere", folder)
    with pytest.raises(OperatorError, match='revision "--output=x": git knows no such commit'):
        sides_of("--output=x", folder)
    with pytest.raises(OperatorError, match="not in a git checkout"):
        sides_of("HEAD", tmp_path)
    with pytest.raises(OperatorError, match="no definitions in HEAD"):
        sides_of("HEAD", repository / "elsewhere")
