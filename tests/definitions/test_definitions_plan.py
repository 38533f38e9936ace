"""One meaning, one plan: hashes, order, what is stored, and the commit."""

from __future__ import annotations

import json
import random
import shutil
import string
import subprocess
from pathlib import Path

import pytest
from definition_sets import ENTRY, load, plan_of, slo, transaction, write
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.definitions import load_definitions, load_text
from sloengine.definitions.canonical import canonical, freeze, thaw
from sloengine.errors import DefinitionsError, OperatorError
from sloengine.yamldoc import load_documents

SET = (
    transaction(f"{ENTRY}\ndimensions: {{tier: {{from: span.name}}}}"),
    transaction('entry: span.name == "b"\npromise: {target: 99%, window: 7d}', name="browse"),
    slo(),
    "apiVersion: sloengine/v1\nkind: Ignore\nmetadata: {name: i}\nspec: {entry: span.kind == 3}\n",
)


def test_the_order_of_files_never_matters(tmp_path: Path) -> None:
    plans = []
    for seed in range(4):
        texts = list(SET)
        random.Random(seed).shuffle(texts)
        plans.append(plan_of(tmp_path / str(seed), *texts))
    assert len({plan.revision for plan in plans}) == 1
    for plan in plans:
        assert plan.conditions == plans[0].conditions
        assert plan.transactions == plans[0].transactions
        assert plan.ignore == plans[0].ignore
        assert [slo.name for slo in plan.slos] == ["browse-experience", "checkout-slo"]


def test_one_file_of_many_documents_means_the_same_as_many_files(tmp_path: Path) -> None:
    many = plan_of(tmp_path / "many", *SET)
    one = plan_of(tmp_path / "one", "---\n".join(SET))
    assert many.revision == one.revision
    assert many.transactions == one.transactions


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("spec:\n", "spec: # a comment\n", id="comments"),
        pytest.param(
            "kind: BusinessTransaction\n", "kind:   'BusinessTransaction'\n\n", id="layout"
        ),
        pytest.param("metadata: {name: checkout}", "metadata:\n  name: checkout", id="braces"),
        pytest.param(ENTRY, "entry: 'span.name == \"POST /api/checkout\"'", id="quotes"),
        pytest.param(
            "apiVersion: sloengine/v1\nkind: BusinessTransaction\n",
            "kind: BusinessTransaction\napiVersion: sloengine/v1\n",
            id="order of keys",
        ),
    ],
)
def test_form_is_no_part_of_the_revision(tmp_path: Path, before: str, after: str) -> None:
    text = transaction()
    assert before in text
    first = plan_of(tmp_path / "a", text)
    second = plan_of(tmp_path / "b", text.replace(before, after))
    assert first.revision == second.revision
    assert first.transactions == second.transactions


def test_content_is_the_revision(tmp_path: Path) -> None:
    first = plan_of(tmp_path / "a", transaction())
    second = plan_of(tmp_path / "b", transaction(ENTRY.replace("POST", "GET")))
    assert first.revision != second.revision
    assert len(first.revision) == 12
    assert set(first.revision) <= set(string.hexdigits.lower())


@pytest.mark.parametrize(
    ("spec", "same"),
    [
        pytest.param(f"{ENTRY}\ndescription: words", True, id="a description is words"),
        pytest.param(f"{ENTRY}\npromise: {{target: 9%, window: 1d}}", True, id="so is a promise"),
        pytest.param(f"{ENTRY}\ncriticality: high", True, id="so is criticality"),
        pytest.param(f"{ENTRY}\noutcome: [slow: {{longerThan: 1s}}]", False, id="a rule is not"),
        pytest.param(f"{ENTRY}\npriority: 1", False, id="priority is not"),
        pytest.param(f"{ENTRY}\ncustomer: span.name", False, id="a key of customers is not"),
    ],
)
def test_a_definition_is_known_by_what_decides_its_facts(
    tmp_path: Path, spec: str, same: bool
) -> None:
    (before,) = plan_of(tmp_path / "a", transaction()).transactions
    (after,) = plan_of(tmp_path / "b", transaction(spec)).transactions
    assert (before.definition == after.definition) is same


def test_the_stored_documents_give_the_same_plan_again(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, *SET)
    assert load_text(plan.documents, commit=plan.commit) == plan


def test_a_text_that_was_never_stored_is_refused() -> None:
    with pytest.raises(DefinitionsError, match="not a stored set"):
        load_text("a: 1\n")


TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=12)


LISTS = st.lists(TEXT, max_size=3) | st.lists(st.lists(TEXT, max_size=2), max_size=2)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(TEXT, TEXT | LISTS, min_size=1, max_size=4))
def test_canonical_text_is_a_fixed_point_that_reads_as_the_same_data(
    data: dict[str, object],
) -> None:
    (document,) = load_documents(json.dumps(data), "f.yaml")
    frozen = freeze([document])
    (again,) = thaw(frozen.text)
    assert again.data == data
    assert canonical(again.root) == canonical(document.root)
    assert freeze([again]) == frozen


def test_numbers_are_stored_as_they_were_written() -> None:
    (document,) = load_documents("a: 1.10\nb: '1.10'\nc: 0x1F\nd: ~\n", "f.yaml")
    assert canonical(document.root) == '{"a": 1.10, "b": "1.10", "c": 0x1F, "d": null}'


def test_subfolders_are_read_and_tests_examples_and_hidden_names_are_not(tmp_path: Path) -> None:
    write(tmp_path, transaction())
    write(tmp_path / "more", transaction(name="browse"))
    for ignored in ("examples", ".git", "more/examples"):
        write(tmp_path / ignored, "not: a definition\n")
    for ignored in ("a.test.yaml", ".hidden.yaml", "notes.txt", "more/b.test.yml"):
        (tmp_path / ignored).write_text("not: a definition\n", encoding="utf-8")
    loaded = load_definitions(tmp_path)
    assert loaded.files == 2
    assert [rule.name for rule in loaded.plan.transactions] == ["browse", "checkout"]


def test_examples_can_be_loaded_by_name(tmp_path: Path) -> None:
    folder = write(tmp_path / "examples", transaction())
    assert load_definitions(folder).files == 1
    assert load_definitions(write(folder / "shop", transaction(name="b"))).files == 1


def test_one_file_is_a_set_too(tmp_path: Path) -> None:
    file = write(tmp_path, transaction(), transaction(name="b")) / "000.yaml"
    assert [rule.name for rule in load_definitions(file).plan.transactions] == ["checkout"]


def test_a_missing_folder_and_an_empty_one_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="there is no such file or folder"):
        load_definitions(tmp_path / "nowhere")
    with pytest.raises(OperatorError, match="holds no definitions"):
        load_definitions(tmp_path)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_checkout_names_its_commit_and_says_when_it_is_dirty(tmp_path: Path) -> None:
    folder = write(tmp_path / "slo-definitions", transaction())
    git(tmp_path, "init", "-q")
    assert load_definitions(folder).plan.commit is None
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    commit = git(tmp_path, "rev-parse", "--short", "HEAD")
    assert load_definitions(folder).plan.commit == commit
    (tmp_path / "elsewhere.txt").write_text("not a definition", encoding="utf-8")
    assert load_definitions(folder).plan.commit == commit
    write(folder, transaction(name="changed"))
    assert load_definitions(folder).plan.commit == f"{commit}+dirty"


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert load(tmp_path, transaction()).plan.commit is None


def test_a_strange_file_name_is_stored_and_read_again(tmp_path: Path) -> None:
    (tmp_path / "a\nb: 7 # é.yaml").write_text(transaction(), encoding="utf-8")
    plan = load_definitions(tmp_path).plan
    assert load_text(plan.documents).revision == plan.revision
